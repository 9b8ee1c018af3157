"""What time is it, for the vendor and for the story that a demonstration tells?"""

from datetime import UTC, datetime, timedelta


class SandboxClock:
    """The wall clock, plus an offset that a demonstration may set when it skips weeks."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def now(self) -> datetime:
        return self.wall() + self._offset

    def set(self, moment: datetime | None) -> None:
        """Let the story stand at `moment` and run on from there; None returns to the wall clock."""
        self._offset = timedelta() if moment is None else moment - self.wall()

    def advance(self, step: timedelta) -> None:
        self._offset += step
