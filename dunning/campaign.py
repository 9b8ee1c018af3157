"""What is said to whom, and when? One named list of steps of the policy."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Self

from annotated_types import Interval, MinLen
from pydantic import BeforeValidator, Field, StrictInt, model_validator

from dunning.channel import Channel
from dunning.conditions import When
from dunning.document import Document, Name, TemplateName, refusal, refusal_at
from dunning.duration import Span
from dunning.placement import Anchor, Placed


class Payday(Document):
    """Days of the month on which wages come in; one past the end of a month is its last day."""

    days: Annotated[tuple[Annotated[StrictInt, Interval(ge=1, le=31)], ...], MinLen(1)] = (1, 15)

    def holds(self, day: date) -> bool:
        """Whether it is one of the days."""
        last = monthrange(day.year, day.month)[1]
        return day.day in {min(number, last) for number in self.days}


def _payday(value: object) -> object:
    if isinstance(value, bool):
        return Payday() if value else None
    return value


def _or_boolean(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"type": "boolean"})


class Step(Placed):
    """One planned message.

    `by_decline` chooses another template for a decline code; all others get `template`.
    `fallback` are the channels tried in order where `channel` cannot be used. `payday` moves the
    step to the next such day, if there is room; `jitter` spreads the messages of many cases over
    that much time.
    """

    channel: Channel
    template: TemplateName
    by_decline: Mapping[str, TemplateName] = Field(default_factory=dict[str, str])
    fallback: tuple[Channel, ...] = ()
    payday: Annotated[
        Payday | None, BeforeValidator(_payday), Field(json_schema_extra=_or_boolean)
    ] = None
    jitter: Span | None = None

    @model_validator(mode="after")
    def _no_channel_twice(self) -> Self:
        repeated = next((c for c in self.roads if self.roads.count(c) > 1), None)
        if repeated is not None:
            raise refusal(
                f"`fallback` leads to {repeated} a second time. Name each channel once, "
                "and leave out the one that the step begins with."
            )
        return self

    @property
    def roads(self) -> tuple[Channel, ...]:
        """The channels in the order in which they are tried."""
        return (self.channel, *self.fallback)

    def template_for(self, decline_code: str | None) -> str:
        """The template for a failure with this decline code."""
        return self.by_decline.get(decline_code or "", self.template)

    @property
    def templates(self) -> frozenset[str]:
        """Every template that the step can ask for."""
        return frozenset((self.template, *self.by_decline.values()))


class Alert(Placed):
    """A moment at which the team is told of the case; nothing is sent to the customer."""


class Campaign(Document):
    """Steps in the order in which they are sent, over at most `length`."""

    name: Name
    when: When = When()
    length: Span
    steps: Annotated[tuple[Step, ...], MinLen(1)]
    alerts: tuple[Alert, ...] = ()

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        seen: set[str] = set()
        for one in (*self.steps, *self.alerts):
            if one.id in seen:
                raise refusal_at(
                    ("steps",),
                    f"`{one.id}` names two of the steps and alerts. Give each a name of its own, "
                    "for a case keeps what became of a step under its name.",
                )
            seen.add(one.id)
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        found = _misplaced(self.steps)
        if found is not None:
            number, above = found
            raise refusal_at(
                ("steps", number),
                f"step `{self.steps[number].id}` does not come after step `{above.id}`. "
                "List the steps in the order in which they are sent: by rising `after`, then by "
                "falling `before_close`.",
            )
        return self


def _misplaced(steps: Sequence[Placed]) -> tuple[int, Placed] | None:
    """The first step that is not later than the one above it that it must follow, and that one."""
    for number, step in enumerate(steps):
        above = _above(steps, number)
        if above is not None and _key(above) >= _key(step):
            return number, above
    return None


def _above(steps: Sequence[Placed], number: int) -> Placed | None:
    """The nearest step above that can be compared: of the same anchor, or counted from the close.

    Steps counted from the start and from a due date cannot: only the invoice knows their order.
    """
    anchors = (steps[number].anchor, Anchor.CLOSE)
    return next((other for other in reversed(steps[:number]) if other.anchor in anchors), None)


def _key(step: Placed) -> tuple[bool, timedelta]:
    return step.anchor is Anchor.CLOSE, step.position
