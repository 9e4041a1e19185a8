"""Jobs that only tests enqueue, known to the workers that tests start."""

import time

from procrastinate.contrib.django import app

from accounts.models import Allowance


@app.task(name="tests.mark", queue="upkeep")
def mark(name: str, seconds: float = 0) -> None:
    """Leave a row when it begins, and one when it has ended."""
    Allowance.objects.create(name=f"{name} began", window=2**40, used=0)
    time.sleep(seconds)
    Allowance.objects.create(name=f"{name} ended", window=2**40, used=0)


@app.task(name="tests.fail", queue="upkeep")
def fail() -> None:
    raise ValueError("a job that fails")
