"""When does a step of a campaign come? One distance from one instant, and the days that suit."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Self

from annotated_types import MinLen
from pydantic import model_validator

from dunning.clock_time import OpeningTime
from dunning.conditions import OnlyIf
from dunning.document import Document, Name, refusal
from dunning.duration import Distance, Lapse, Stretch


class Weekday(StrEnum):
    """A day of the week; the order of the members is that of Python's `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)


class Anchor(StrEnum):
    """The instant that a step is counted from."""

    START = "start"
    DUE = "due"
    NEXT_INVOICE = "next_invoice"
    CLOSE = "close"


class Placed(Document):
    """Something that a campaign does once: where it stands in time, and for which cases.

    Exactly one of the five distances is given. `at` is a local hour on the day that the distance
    leads to; `weekdays` are the local days that suit. Local is the most plausible zone.
    """

    id: Name
    after: Distance | None = None
    before_close: Stretch | None = None
    before_due: Distance | None = None
    after_due: Distance | None = None
    before_next_invoice: Stretch | None = None
    at: OpeningTime | None = None
    weekdays: Annotated[tuple[Weekday, ...], MinLen(1)] | None = None
    only_if: OnlyIf | None = None

    @model_validator(mode="after")
    def _placed_once(self) -> Self:
        given = [name for name in _DISTANCES if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(f"`{name}`" for name in given) or "nothing that places it"
            raise refusal(
                f"the step has {found}. Give it exactly one of "
                f"{', '.join(f'`{name}`' for name in _DISTANCES)}: "
                "`after: 4d` counts from the start, `before_close: 5d` back from the close."
            )
        return self

    @property
    def anchor(self) -> Anchor:
        """What its distance is counted from."""
        return _DISTANCES[self._placed_by]

    @property
    def backwards(self) -> bool:
        """Whether it is counted back, so that it must come before its anchor."""
        return self._placed_by.startswith("before")

    @property
    def distance(self) -> Lapse:
        """How far from its anchor."""
        found: Lapse = getattr(self, self._placed_by)
        return found

    @property
    def _placed_by(self) -> str:
        return next(name for name in _DISTANCES if getattr(self, name) is not None)

    @property
    def position(self) -> timedelta:
        """Its place among the steps of the same anchor; only comparisons mean anything."""
        nominal = self.distance.nominal
        return -nominal if self.backwards else nominal

    def suits(self, day: date) -> bool:
        """Whether it may come on this local day."""
        return self.weekdays is None or WEEK[day.weekday()] in self.weekdays


_DISTANCES = {
    "after": Anchor.START,
    "before_close": Anchor.CLOSE,
    "before_due": Anchor.DUE,
    "after_due": Anchor.DUE,
    "before_next_invoice": Anchor.NEXT_INVOICE,
}
