"""Between which readings of a local clock is one day open?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

_HOUR = 60
MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True, order=True)
class DayHours:
    """Minutes since the day's first: `opens` included, `closes` not; 1440 is the day's end."""

    opens: int
    closes: int

    @classmethod
    def between(cls, opens: time, closes: time) -> DayHours:
        """The same from clock times; a closing time of midnight is the end of the day."""
        end = 24 * _HOUR if closes == MIDNIGHT else _minute(closes)
        return cls(_minute(opens), end)

    @property
    def length(self) -> timedelta:
        """How long the day is open, clock changes aside."""
        return timedelta(minutes=self.closes - self.opens)

    def hold(self, clock: datetime | time) -> bool:
        """Whether a reading of the clock lies in these hours."""
        return self.opens <= clock.hour * _HOUR + clock.minute < self.closes

    def meet(self, other: DayHours) -> DayHours | None:
        """The hours that both allow; None when there are none."""
        opens, closes = max(self.opens, other.opens), min(self.closes, other.closes)
        return DayHours(opens, closes) if opens < closes else None


def _minute(clock: time) -> int:
    return clock.hour * _HOUR + clock.minute
