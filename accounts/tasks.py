"""Jobs of this app: one line each over a function that may be called again."""

from procrastinate.contrib.django import app

from accounts import upkeep


@app.periodic(cron="*/10 * * * *")
@app.task(name="accounts.forget", queue="upkeep", queueing_lock="accounts.forget")
def forget(timestamp: int) -> None:
    upkeep.forget_all()
