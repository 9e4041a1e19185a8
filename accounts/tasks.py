"""Jobs of this app: one line each over a function that may be called again."""

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from accounts import upkeep
from accounts.acting import Actor
from accounts.links import actions as link_actions
from audit.models import Door


@app.periodic(cron="*/10 * * * *")
@app.task(name="accounts.forget", queue="upkeep", queueing_lock="accounts.forget")
def forget(timestamp: int) -> None:
    upkeep.forget_all()


# Nobody waits for it behind a request, so that it tells nothing about the address by the time it takes.
@app.task(
    name="accounts.mail_new_password",
    queue="email",
    retry=RetryStrategy(max_attempts=5, exponential_wait=4),
)
def mail_new_password(email: str, name: str, request_id: str, address: str | None) -> None:
    asking = Actor(None, Door.WEB, request_id=request_id, address=address or None)
    link_actions.ask_for_password(email, name=UUID(name), by=asking)
