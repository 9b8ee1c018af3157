"""Does a channel wait because its vendor refuses us, and who tries whether it still does?

A wrong key refuses every message, so only one message a minute is let through to try; the others
are put off without asking. The first one that the vendor takes ends the pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from time import monotonic

import structlog

from dunning.channel import Channel
from dunning.errors import ProviderMisconfiguredError
from dunning.events import Deferred
from store.channel_pauses import BY_VENDOR, ChannelPause, ChannelPauses
from store.errors import DatabaseDownError

# A share of the time that the pause has lasted, so that a key that nobody mends for days does not
# fill the histories of all cases with attempts.
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(minutes=30)
_SHARE = 24
_PROBE_EVERY = timedelta(minutes=1)
_FRESH_SECONDS = 1.5

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Pausing:
    """The pauses of all channels, looked up every second or two.

    `now` is the case's own time, so that who tries next is decided on the clock that cases wait by.
    """

    pauses: ChannelPauses
    _known: dict[Channel, tuple[ChannelPause | None, float]] = field(
        default_factory=dict[Channel, tuple[ChannelPause | None, float]]
    )

    async def wait(self, channel: Channel, now: datetime) -> Deferred | None:
        """Until when a message is put off; None when it may go, be it to try the vendor."""
        pause = await self._look(channel)
        if pause is None:
            return None
        if pause.until > now:
            return _put_off(pause, now)
        if await self.pauses.probe(channel, now=now, until=now + _PROBE_EVERY):
            return None
        # Somebody else tries, or the pause has ended meanwhile.
        pause = self._keep(channel, await self.pauses.of(channel))
        return None if pause is None else _put_off(pause, now)

    async def refused(
        self, channel: Channel, fault: ProviderMisconfiguredError, now: datetime
    ) -> Deferred:
        """The vendor refuses us: all messages of the channel wait from now on."""
        until = now + _PROBE_EVERY
        pause = await self.pauses.begin(channel, fault.reason, now=now, until=until)
        self._keep(channel, pause)
        if pause.since == now:
            _log.warning("channel_paused", channel=channel.value, reason=fault.reason)
        return _put_off(pause, now)

    async def accepted(self, channel: Channel, now: datetime) -> None:
        """The vendor dealt with a message: whatever it refused before, it takes us again."""
        known, _ = self._known.get(channel, (None, 0.0))
        if known is None:
            return
        try:
            cleared = await self.pauses.clear(channel, by=BY_VENDOR, now=now)
        except DatabaseDownError:
            # The message itself matters more; the next one that is let through clears it.
            return
        self._keep(channel, None)
        if cleared:
            _log.info("channel_goes_on", channel=channel.value)

    async def _look(self, channel: Channel) -> ChannelPause | None:
        pause, looked_at = self._known.get(channel, (None, -inf))
        if monotonic() - looked_at > _FRESH_SECONDS:
            pause = self._keep(channel, await self.pauses.of(channel))
        return pause

    def _keep(self, channel: Channel, pause: ChannelPause | None) -> ChannelPause | None:
        self._known[channel] = (pause, monotonic())
        return pause


def _put_off(pause: ChannelPause, now: datetime) -> Deferred:
    wait = min(max((now - pause.since) / _SHARE, _SHORTEST), _LONGEST)
    return Deferred(until=now + wait, reason=pause.reason, counts=False)
