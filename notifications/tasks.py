"""Jobs of this app: one line each over a function that may be called again."""

from datetime import timedelta

from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from notifications import attempts, digest, outbox, upkeep


class WhenTheDeliverySays(BaseRetryStrategy):
    """A delivery itself knows when it is tried again; anything else that goes wrong is tried soon, for a while."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, attempts.Later):
            return RetryDecision(retry_at=exception.at)
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, 300)}) if job.attempts < 20 else None


@app.task(name=outbox.TASK, queue="email", retry=WhenTheDeliverySays())
def deliver(deliveries: list[str]) -> None:
    outbox.deliver(deliveries)


@app.periodic(cron="* * * * *")
@app.task(name="notifications.reconcile", queue="clock", queueing_lock="notifications.reconcile")
def reconcile(timestamp: int) -> None:
    upkeep.give_up()
    upkeep.reconcile(older_than=timedelta(minutes=2))


@app.periodic(cron="*/5 * * * *")
@app.task(name="notifications.digests", queue="clock", queueing_lock="digests")
def digests(timestamp: int) -> None:
    digest.send_due()


@app.periodic(cron="* * * * * */15")
@app.task(name="notifications.rescue", queue="clock", queueing_lock="notifications.rescue", pass_context=True)
async def rescue(context: JobContext, timestamp: int) -> None:
    await upkeep.rescue_jobs(context.app)


@app.periodic(cron="17 3 * * *")
@app.task(name="notifications.forget", queue="upkeep", queueing_lock="notifications.forget")
def forget(timestamp: int) -> None:
    upkeep.forget_deliveries()


@app.periodic(cron="37 3 * * *")
@app.task(
    name="notifications.forget_jobs",
    queue="upkeep",
    queueing_lock="notifications.forget_jobs",
    pass_context=True,
)
async def forget_jobs(context: JobContext, timestamp: int) -> None:
    await upkeep.forget_jobs(context.app)
