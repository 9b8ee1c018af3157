"""What is the least that could be called a case? The bare SDK's workflow, as small as can be."""

from datetime import timedelta

from temporalio import activity, workflow

QUEUE = "bare"
WORKFLOW = "bare-case"
NOTHING = "bare-nothing"
FAILED = "payment_failed"
RECOVERED = "payment_recovered"
_MINUTE = timedelta(minutes=1)


@activity.defn(name=NOTHING)
async def nothing() -> None:
    """Do nothing."""


@workflow.defn(name=WORKFLOW)
class BareWorkflow:
    """One activity for each step with a timer in between, then the end is waited for.

    Without pauses it is one activity, and nothing more.
    """

    def __init__(self) -> None:
        self._recovered = False

    @workflow.run
    async def run(self, pauses: list[float]) -> None:
        await self._nudge()
        for pause in pauses[:-1]:
            await workflow.sleep(pause)
            await self._nudge()
        last = timedelta(seconds=pauses[-1]) if pauses else None
        await workflow.wait_condition(lambda: self._recovered, timeout=last)

    async def _nudge(self) -> None:
        await workflow.execute_activity(NOTHING, start_to_close_timeout=_MINUTE)

    @workflow.signal(name=FAILED)
    def failed(self) -> None:
        """A payment failed."""

    @workflow.signal(name=RECOVERED)
    def recovered(self) -> None:
        """The money arrived."""
        self._recovered = True
