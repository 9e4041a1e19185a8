"""Jobs of this app: one line each over a function that may be called again."""

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tickets import inbound_email

# A mail that stumbles is set aside by itself; what is tried again is a database or a store that was away.
SOON = RetryStrategy(max_attempts=20, exponential_wait=2)


@app.task(name=inbound_email.TASK, queue=inbound_email.QUEUE, retry=SOON)
def receive_mail(mail: str) -> None:
    inbound_email.receive(mail)


@app.task(name=inbound_email.VISIT, queue=inbound_email.QUEUE)
def collect_mail(mailbox: int) -> None:
    inbound_email.visit(mailbox)


@app.periodic(cron="* * * * *")
@app.task(name="tickets.collect_all_mail", queue="upkeep", queueing_lock="collect_all_mail")
def collect_all_mail(timestamp: int) -> None:
    inbound_email.visit_all()
