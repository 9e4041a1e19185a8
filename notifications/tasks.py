"""Jobs of this app: one line each over a function that may be called again."""

from datetime import timedelta

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from notifications import digest, outbox


class WhenTheDeliverySays(BaseRetryStrategy):
    """The delivery itself knows when it is tried again; anything else that goes wrong is tried soon, for a while."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, outbox.Later):
            return RetryDecision(retry_at=exception.at)
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, 300)}) if job.attempts < 20 else None


@app.task(name=outbox.TASK, queue="email", retry=WhenTheDeliverySays())
def deliver(delivery: str) -> None:
    outbox.deliver(delivery)


@app.periodic(cron="* * * * *")
@app.task(name="notifications.reconcile", queue="upkeep", queueing_lock="reconcile")
def reconcile(timestamp: int) -> None:
    outbox.reconcile(older_than=timedelta(minutes=2))


@app.periodic(cron="*/5 * * * *")
@app.task(name="notifications.digests", queue="upkeep", queueing_lock="digests")
def digests(timestamp: int) -> None:
    digest.send_due()
