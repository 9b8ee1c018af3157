"""How is the money that an event names set beside the money that is owed, for people to read?"""

from __future__ import annotations

from dunning.inbound import InboundEvent
from store.matching import Match


def remarks(event: InboundEvent, match: Match) -> str:
    """What a person should know of an event beside what was done; empty when there is nothing."""
    found = (_difference(event, match), _two(match))
    return "".join(f"; {one}" for one in found if one)


def _difference(event: InboundEvent, match: Match) -> str | None:
    """Both figures. Messages to the customer speak of our own."""
    if event.money is None or match.owed is None or event.money == match.owed:
        return None
    return f"it names {event.money.figure}, and {match.owed.figure} was owed"


def _two(match: Match) -> str | None:
    if match.other is None:
        return None
    return f"its key is that of invoice {match.other}, for which it does not count"
