"""What time is it? The only reader of the system clock; everybody else is given `now`."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


class WallClock:
    """The time of cases in production."""

    async def for_case(self, workflow_id: str) -> datetime:
        """The wall clock: cases have no other there."""
        del workflow_id
        return now()
