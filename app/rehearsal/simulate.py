"""What would happen to one imagined case, day by day?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from activities.zones import whereabouts
from dunning.choice import Choice
from dunning.conditions import Facts
from dunning.course import course
from dunning.placement import Anchor
from dunning.schedule import Plan

if TYPE_CHECKING:
    from dunning.advice import Advice
    from dunning.directory import Invoice
    from dunning.placement import Placed
    from dunning.policy import Policy
    from dunning.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The calendar of a case that opens at `start`; no plan where no campaign fits.

    `deadline` is when a person is to have decided; of a case that only watches, when one is asked.
    """

    policy: Policy
    invoice: Invoice
    advice: Advice
    start: datetime
    where: Whereabouts
    choice: Choice | None
    plan: Plan | None
    deadline: datetime

    @property
    def dropped(self) -> list[tuple[str, str]]:
        """Steps that are left out, and why."""
        campaign = self.choice.campaign if self.choice else None
        if self.plan is None or campaign is None:
            return []
        named = {one.id: one for one in (*campaign.steps, *campaign.alerts)}
        unmet = (one.partition(": ") for one in self.plan.unmet)
        return [
            *((name, self._why_dropped(named[name])) for name in self.plan.dropped),
            *((name, told) for name, _, told in unmet),
        ]

    def _why_dropped(self, step: Placed) -> str:
        if step.anchor is Anchor.DUE and self.invoice.due_at is None:
            return "the invoice has no due date"
        if step.anchor is Anchor.NEXT_INVOICE and self.invoice.next_invoice_at is None:
            return "no next invoice is known"
        return "no room before the steps that follow and the close"


def simulate(
    policy: Policy, invoice: Invoice, advice: Advice, decline_code: str | None, start: datetime
) -> Simulation:
    """The case as it is planned when it opens, if nothing else happens."""
    where = whereabouts(invoice.contact, policy.account.timezone)
    found = None
    if advice.writes:
        facts = Facts(advice=advice, invoice=invoice, decline_code=decline_code)
        found = course(policy, facts, start=start, where=where)
    return Simulation(
        policy=policy,
        invoice=invoice,
        advice=advice,
        start=start,
        where=where,
        choice=found.choice if found is not None else None,
        plan=found.plan if found is not None else None,
        deadline=start + _patience(policy, advice),
    )


def _patience(policy: Policy, advice: Advice) -> timedelta:
    return policy.watch.deadline if advice.watches else policy.review.deadline
