"""Jobs of this app: one line each over a function that may be called again."""

from procrastinate.contrib.django import app

from audit import seals


@app.periodic(cron="*/5 * * * *")
@app.task(name="audit.seal", queue="clock", queueing_lock="audit.seal")
def seal(timestamp: int) -> None:
    seals.seal_all()
