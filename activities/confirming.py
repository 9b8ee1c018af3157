"""May a message leave on what is known of the invoice, though no directory confirms it now?"""

from __future__ import annotations

from datetime import datetime, timedelta

from activities.attempt import Attempt
from dunning.events import Deferred, NotSent
from dunning.lookup import DoubtKind
from dunning.policy import Policy
from dunning.states import Withheld
from store.standing import Standing

# A message leaves within a sixth of the silence after its end; a long one must not fill histories.
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(minutes=30)
_SHARE = 6


def confirmed(standing: Standing, policy: Policy, now: datetime) -> bool:
    """Whether a directory says so now, or said so not too long ago."""
    doubt = standing.doubt
    if doubt is None:
        return True
    recent = now - standing.known_at <= policy.directory.stale_after
    return doubt.kind is DoubtKind.NO_ANSWER and recent


def unconfirmed(standing: Standing, policy: Policy, attempt: Attempt) -> NotSent | Deferred | None:
    """What becomes of a message whose facts are too old; None when it may go.

    A receipt rests on a payment, which no directory can take back.
    """
    doubt, now = standing.doubt, attempt.now
    if doubt is None or attempt.receipt or confirmed(standing, policy, now):
        return None
    if doubt.kind is DoubtKind.NOT_LISTED:
        return NotSent(reason=Withheld.NOT_LISTED, at=now)
    deadline = max(attempt.step.due_at, doubt.since) + policy.directory.give_up_after
    if now >= deadline:
        return NotSent(reason=Withheld.DIRECTORY_DOWN, at=now)
    wait = min(max((now - doubt.since) / _SHARE, _SHORTEST_WAIT), _LONGEST_WAIT)
    until = min(now + wait, deadline)
    return Deferred(until=until, reason="no directory says whether it is still owed", counts=False)
