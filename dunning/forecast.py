"""What will a case most likely be, once it is open? For its first entry in lists; it may differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.choice import choose
from dunning.conditions import Facts
from dunning.states import State

if TYPE_CHECKING:
    from dunning.directory import Invoice
    from dunning.events import Failed
    from dunning.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What lists of cases show of one."""

    state: State
    campaign: str | None = None


def forecast(policy: Policy, invoice: Invoice, event: Failed) -> Shown:
    """What follows from a first failure alone (R3), if nothing else is known of the invoice."""
    if event.advice.watches:
        return Shown(state=State.WATCHING)
    if not event.advice.writes:
        return Shown(state=State.REVIEW)
    facts = Facts(advice=event.advice, invoice=invoice, decline_code=event.decline_code)
    campaign = choose(policy, facts).campaign
    return Shown(state=State.WAITING, campaign=campaign.name if campaign else None)
