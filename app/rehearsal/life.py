"""Where does one past case stand while it is lived through again?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dunning.campaign import Campaign
from dunning.case import Event
from dunning.conditions import Facts
from dunning.events import Failed, Recovered, Voided, Woke
from dunning.facts import Case
from dunning.orders import Stop
from dunning.schedule import Plan
from dunning.states import Cause, Outcome, State
from dunning.whereabouts import Whereabouts
from store.past_cases import Ending, PastCase


@dataclass(slots=True)
class Life:
    """A past case under a policy. Instants are UTC.

    `facts` are those by which a campaign was looked for, if one was, and `campaign` is the one
    that was found. `told` are the steps that a message about another invoice stood for, and when
    it left.
    """

    past: PastCase
    where: Whereabouts
    case: Case
    facts: Facts | None = None
    campaign: Campaign | None = None
    plan: Plan | None = None
    told: dict[str, datetime] = field(default_factory=dict[str, datetime])
    last_at: datetime | None = None

    @classmethod
    def of(cls, past: PastCase, where: Whereabouts) -> Life:
        """The case before anything is known of it."""
        name = f"{past.invoice.id}:{past.cycle}"
        return cls(past, where, Case(workflow_id=name, started_at=past.opened_at))

    @property
    def open(self) -> bool:
        """Whether it has begun and is not closed."""
        return self.case.advice is not None and self.case.state is not State.CLOSED

    def ends_by(self, now: datetime) -> bool:
        """Whether what ended it has happened."""
        return self.past.ended is not None and self.past.ended.at <= now

    def next_at(self, now: datetime) -> datetime | None:
        """When something happens to it next."""
        instants = [self.case.next(now)[1]]
        if self.case.state is not State.CLOSED and self.past.ended is not None:
            instants.append(self.past.ended.at)
        return min((at for at in instants if at is not None), default=None)

    def event(self, now: datetime) -> Event:
        """What happens to it now; what ended it comes before anything else."""
        past = self.past
        if self.case.advice is None:
            return Failed(id="opened", advice=past.advice, decline_code=past.decline_code)
        if past.ended is not None and self.open and self.ends_by(now):
            return _ended(past.ended)
        return Woke()


def _ended(ending: Ending) -> Event:
    match ending.outcome:
        case Outcome.RECOVERED:
            return Recovered(id="ended", cause=ending.cause or Cause.PAID_ELSEWHERE)
        case Outcome.CANCELLED:
            return Voided(id="ended")
        case _:
            return Stop()
