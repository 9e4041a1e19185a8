"""Jobs of this app: one line each over a function that may be called again."""

from datetime import timedelta
from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tickets import actions, files, inbound_email, stray_files

# A mail that stumbles is set aside by itself; what is tried again is a database or a store that was away.
SOON = RetryStrategy(max_attempts=20, exponential_wait=2)

# A file stays held meanwhile; when this is over `look_at_files_again` begins anew.
WHILE_THE_SCANNER_IS_AWAY = RetryStrategy(max_attempts=8, exponential_wait=3)


@app.task(name=inbound_email.TASK, queue=inbound_email.QUEUE, retry=SOON)
def receive_mail(mail: str) -> None:
    inbound_email.receive(mail)


@app.task(name=inbound_email.VISIT, queue=inbound_email.VISITS)
def collect_mail(mailbox: int) -> None:
    inbound_email.visit(mailbox)


@app.periodic(cron="* * * * *")
@app.task(name="tickets.collect_all_mail", queue="clock", queueing_lock="collect_all_mail")
def collect_all_mail(timestamp: int) -> None:
    inbound_email.visit_all()


@app.task(name=files.TASK, queue=files.QUEUE, retry=WHILE_THE_SCANNER_IS_AWAY)
def look_at_file(attachment: str) -> None:
    actions.look_at(UUID(attachment))


@app.periodic(cron="*/10 * * * *")
@app.task(name="tickets.look_at_files_again", queue="clock", queueing_lock="look_at_files_again")
def look_at_files_again(timestamp: int) -> None:
    files.look_again(older_than=timedelta(minutes=5))


@app.periodic(cron="17 2 * * *")
@app.task(name="tickets.tidy_up_files", queue="upkeep", queueing_lock="tidy_up_files")
def tidy_up_files(timestamp: int) -> None:
    stray_files.tidy_up()
