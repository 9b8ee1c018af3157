"""Which campaign does a case get, and at which instants do its messages fall due?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.choice import Choice, choose
from dunning.schedule import Known, Plan, plan

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.conditions import Facts
    from dunning.policy import Policy
    from dunning.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A choice, and the plan of the chosen campaign; no plan where none fits."""

    choice: Choice
    plan: Plan | None = None


def course(
    policy: Policy, facts: Facts, *, start: datetime, where: Whereabouts, open_cases: int = 1
) -> Course:
    """The first campaign that fits, counted from `start` (UTC).

    `open_cases` of the customer, this one included, matter only if `asks_for_cases(policy)`.
    """
    choice = choose(policy, facts)
    if choice.campaign is None:
        return Course(choice=choice)
    planned = plan(
        choice.campaign,
        policy,
        start=start,
        next_invoice_at=facts.invoice.next_invoice_at,
        where=where,
        decline_code=facts.decline_code,
        known=Known(invoice=facts.invoice, open_cases=open_cases),
    )
    return Course(choice=choice, plan=planned)


def asks_for_cases(policy: Policy) -> bool:
    """Whether some step or alert depends on how many open cases the customer has."""
    placed = (one for c in policy.campaigns for one in (*c.steps, *c.alerts))
    return any(one.only_if is not None and one.only_if.open_cases is not None for one in placed)
