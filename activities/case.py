"""What does a case's own queue do? Open, show, close, and send nudges of both channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.attempt import Attempt
from activities.charging import Charging
from activities.failures import in_our_words
from activities.nudge import Nudger
from activities.opening import Opening
from activities.parting import Parting
from dunning.case import apply
from dunning.charge import ChargeOrder
from dunning.events import Charged, Closed, NudgeEnded, NudgeResult, Opened, Projected, Settled
from dunning.facts import Case
from dunning.steps import Step
from store.cases import Cases
from workflows.contracts import (
    CaseActivities,
    CaseRecord,
    ChargeInput,
    ChargeOutput,
    NudgeActivities,
    NudgeInput,
    NudgeOutput,
    OpenInput,
)


def _now() -> datetime:
    """The case's own time, which is wall time in production and its virtual time in tests."""
    return activity.info().started_time


@dataclass(frozen=True, slots=True)
class CaseDesk(CaseActivities):
    """Opens, shows and closes cases.

    Results are applied here too, so that lists are up to date the moment something happened.
    """

    opening: Opening
    cases: Cases
    nudger: Nudger
    parting: Parting
    charging: Charging

    @activity.defn(name="open_case")
    async def open_case(self, asked: OpenInput) -> Opened:
        """Look the facts up, plan the campaign, and show the case as it opens."""
        now = _now()
        with in_our_words():
            pinned = asked.case.policy_digest
            opened = await self.opening.plan(
                asked.invoice_id, asked.work, pinned, now, case=asked.case
            )
            await self._show(apply(asked.case, opened, now)[0], now)
        return opened

    @activity.defn(name="project_case")
    async def project_case(self, record: CaseRecord) -> Settled | None:
        """Show the case in the database, unless a later version is shown already.

        That a service has ended is shown only if that is true; else it says why it is not.
        """
        now = _now()
        with in_our_words():
            settled = await self.parting.at_end(record.invoice_id, record.case, now)
            shown = record.case
            if settled is not None:
                shown, _ = apply(record.case, Projected(settled=settled), now)
            await self._show(shown, now)
        return settled

    @activity.defn(name="charge")
    async def charge(self, asked: ChargeInput) -> ChargeOutput:
        """Have the invoice's card charged, at most once for each key, and show what came of it.

        The case is shown first, so that no message about several invoices speaks of this one.
        """
        now, work = _now(), asked.work
        order = ChargeOrder(
            key=work.key,
            invoice_id=asked.invoice_id,
            purpose=work.purpose,
            decline_code=work.decline_code,
        )
        with in_our_words():
            await self._show(asked.case, now)
            result = await self.charging.attempt(order, now)
            await self._show(apply(asked.case, Charged(result=result), now)[0], now)
        return ChargeOutput(result=result)

    @activity.defn(name="close_case")
    async def close_case(self, record: CaseRecord) -> Closed:
        """Write the end down, then send the receipt if one is owed."""
        now, receipt = _now(), record.case.receipt
        with in_our_words():
            await self.cases.close(record.case.view(now))
            if receipt is None:
                return Closed()
            result = await self._send(record.invoice_id, record.case, receipt, now)
            closed = Closed(receipt=result)
            await self._show(apply(record.case, closed, now)[0], now)
        return closed

    async def _send(self, invoice_id: str, case: Case, step: Step, now: datetime) -> NudgeResult:
        attempt = Attempt(case=case, step=step, now=now, number=activity.info().attempt)
        return await self.nudger.send(invoice_id, attempt)

    async def _show(self, case: Case, now: datetime) -> None:
        await self.cases.project(case.view(now))


@dataclass(frozen=True, slots=True)
class NudgeDesk(NudgeActivities):
    """Sends the nudges of one channel."""

    cases: Cases
    nudger: Nudger
    parting: Parting

    @activity.defn(name="nudge")
    async def nudge(self, asked: NudgeInput) -> NudgeOutput:
        """Send one step, unless the truth at this moment forbids it, and show what came of it."""
        now = _now()
        attempt = Attempt(case=asked.case, step=asked.step, now=now, number=activity.info().attempt)
        with in_our_words():
            kept = await self.parting.before_notice(asked.case, asked.step)
            result = kept or await self.nudger.send(asked.invoice_id, attempt)
            after, _ = apply(asked.case, NudgeEnded(step=asked.step.id, result=result), now)
            await self.cases.project(after.view(now))
        return NudgeOutput(result=result)
