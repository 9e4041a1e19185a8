"""Jobs of this app: one line each over a function that may be called again."""

import random
from datetime import timedelta
from uuid import UUID

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from tickets import actions, files, inbound_email, stray_files


class Soon(BaseRetryStrategy):
    """Twice as long after each time, five minutes at most, and not all at once when what was away is back.

    When it is over the clock begins anew: `collect_all_mail` for mails, `look_at_files_again` for files. A mail that
    stumbles is set aside by itself, so what is tried again is a database or a store that was away.
    """

    MOST = 12

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= self.MOST:
            return None
        pause = min(2**job.attempts, 300) * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
        return RetryDecision(retry_in={"milliseconds": round(pause * 1000)})


@app.task(name=inbound_email.TASK, queue=inbound_email.QUEUE, retry=Soon())
def receive_mail(mail: str) -> None:
    inbound_email.receive(mail)


@app.task(name=inbound_email.VISIT, queue=inbound_email.VISITS)
def collect_mail(mailbox: int) -> None:
    inbound_email.visit(mailbox)


@app.periodic(cron="* * * * *")
@app.task(name="tickets.collect_all_mail", queue="clock", queueing_lock="collect_all_mail")
def collect_all_mail(timestamp: int) -> None:
    inbound_email.visit_all()


@app.task(name=files.TASK, queue=files.QUEUE, retry=Soon())
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
