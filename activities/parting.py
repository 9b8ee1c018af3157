"""Is what a closed case says of the end of the service still true?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.truth import Truth, settled
from dunning.events import Settled
from dunning.facts import Case, of_service
from dunning.service import ServiceStatus
from dunning.states import Outcome, State
from dunning.steps import Step
from store.cases import Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Looks before the end of a service is told to anybody."""

    truth: Truth
    cases: Cases

    async def at_end(self, invoice_id: str, case: Case, now: datetime) -> Settled | None:
        """Why the service goes on, when its end is about to be told to the merchant."""
        if case.service_status is not ServiceStatus.ENDED:
            return None
        kept = await self._kept(case)
        return kept or settled(await self.truth.of(invoice_id, now))

    async def before_notice(self, case: Case, step: Step) -> Settled | None:
        """Why the customer is not to be told any more; a nudge looks at the debt by itself."""
        if case.state is not State.CLOSED or not of_service(step):
            return None
        return await self._kept(case)

    async def _kept(self, case: Case) -> Settled | None:
        """Another case of the invoice, or a payment, has kept the service."""
        run = await self.cases.get_run(case.workflow_id)
        kept = run is not None and run.service_status is ServiceStatus.KEPT
        return Settled(outcome=case.outcome or Outcome.CANCELLED) if kept else None
