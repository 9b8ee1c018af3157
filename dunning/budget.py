"""How often may one customer hear from us, over all their cases? The `budget` of the policy."""

from datetime import timedelta
from typing import Annotated

from annotated_types import Interval
from pydantic import StrictInt

from dunning.channel import Channel
from dunning.document import Document
from dunning.duration import Span

_WEEK = timedelta(days=7)


class Limit(Document):
    """At most so many messages within any span of this length."""

    most: Annotated[StrictInt, Interval(ge=1, le=100)]
    per: Span


class Budget(Document):
    """The limit of each channel; `null` is none."""

    email: Limit | None = Limit(most=4, per=_WEEK)
    sms: Limit | None = Limit(most=1, per=_WEEK)
    push: Limit | None = Limit(most=4, per=_WEEK)

    def of(self, channel: Channel) -> Limit | None:
        """The limit of one channel."""
        match channel:
            case Channel.EMAIL:
                return self.email
            case Channel.SMS:
                return self.sms
            case Channel.PUSH:
                return self.push
