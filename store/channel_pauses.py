"""Which channels wait until their vendor takes us again, and who may try whether it does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from dunning.channel import Channel
from store.alerts import add_within

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping

    from store.database import Database

BY_VENDOR = "vendor"

_OPEN = text("""
    SELECT channel, since, until, reason FROM channel_pauses
    WHERE cleared_at IS NULL ORDER BY channel
""")
_OF = text("""
    SELECT channel, since, until, reason FROM channel_pauses
    WHERE cleared_at IS NULL AND channel = :channel
""")
_BEGIN = text("""
    INSERT INTO channel_pauses (channel, since, until, reason)
    VALUES (:channel, CAST(:now AS timestamptz), CAST(:until AS timestamptz), :reason)
    ON CONFLICT (channel) WHERE cleared_at IS NULL DO UPDATE SET
        reason = excluded.reason, until = GREATEST(channel_pauses.until, excluded.until)
    RETURNING channel, since, until, reason, xmax = 0 AS begun
""")
_PROBE = text("""
    UPDATE channel_pauses SET until = CAST(:until AS timestamptz)
    WHERE channel = :channel AND cleared_at IS NULL AND until <= CAST(:now AS timestamptz)
""")
_CLEAR = text("""
    UPDATE channel_pauses SET
        cleared_at = GREATEST(CAST(:now AS timestamptz), since), cleared_by = :by
    WHERE channel = :channel AND cleared_at IS NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPause:
    """A channel that waits since `since`; at `until` one message may try the vendor."""

    channel: Channel
    since: datetime
    until: datetime
    reason: str


class ChannelPauses:
    """The pauses of all channels, one a channel at most. Their instants are those of the cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> list[ChannelPause]:
        """The channels that wait."""
        async with self._database.single() as connection:
            return [_pause(row) for row in (await connection.execute(_OPEN)).mappings()]

    async def of(self, channel: Channel) -> ChannelPause | None:
        """The pause of one channel."""
        async with self._database.single() as connection:
            found = await connection.execute(_OF, {"channel": channel})
            row = found.mappings().one_or_none()
            return None if row is None else _pause(row)

    async def begin(
        self, channel: Channel, reason: str, *, now: datetime, until: datetime
    ) -> ChannelPause:
        """Pause a channel, or go on with its pause; the team is told when it begins."""
        values = {"channel": channel, "reason": reason, "now": now, "until": until}
        async with self._database.begin() as connection:
            row = (await connection.execute(_BEGIN, values)).mappings().one()
            if row["begun"]:
                detail = {"reason": reason}
                alert = Alert(kind=AlertKind.CREDENTIALS, subject=channel, detail=detail)
                await add_within(connection, alert)
            return _pause(row)

    async def probe(self, channel: Channel, *, now: datetime, until: datetime) -> bool:
        """Take the one try that is due; False when it is not, or somebody else has taken it."""
        values = {"channel": channel, "now": now, "until": until}
        async with self._database.single() as connection:
            return bool((await connection.execute(_PROBE, values)).rowcount)

    async def clear(self, channel: Channel, *, by: str, now: datetime) -> bool:
        """End a pause; the team is told when the vendor did it. False when there is none."""
        values = {"channel": channel, "by": by, "now": now}
        async with self._database.begin() as connection:
            cleared = bool((await connection.execute(_CLEAR, values)).rowcount)
            if cleared and by == BY_VENDOR:
                alert = Alert(kind=AlertKind.CREDENTIALS_MENDED, subject=channel)
                await add_within(connection, alert)
            return cleared


def _pause(row: RowMapping) -> ChannelPause:
    return ChannelPause(
        channel=Channel(row["channel"]),
        since=row["since"],
        until=row["until"],
        reason=row["reason"],
    )
