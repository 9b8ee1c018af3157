"""What is said to whom, and when? One named list of steps of the policy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self

from annotated_types import MinLen
from pydantic import Field, model_validator

from dunning.channel import Channel
from dunning.conditions import When
from dunning.document import Document, Name, TemplateName, refusal, refusal_at
from dunning.duration import Span, Wait


class Step(Document):
    """One planned message, placed either `after` the start or `before_close`.

    `by_decline` chooses another template for a decline code; all others get `template`.
    """

    id: Name
    channel: Channel
    template: TemplateName
    by_decline: Mapping[str, TemplateName] = Field(default_factory=dict[str, str])
    after: Wait | None = None
    before_close: Span | None = None

    @model_validator(mode="after")
    def _placed_once(self) -> Self:
        if (self.after is None) == (self.before_close is None):
            found = "neither" if self.after is None else "both"
            raise refusal(
                f"the step has {found} of `after` and `before_close`. Give it exactly one: "
                "`after: 4d` counts from the start, `before_close: 5d` back from the close."
            )
        return self

    def template_for(self, decline_code: str | None) -> str:
        """The template for a failure with this decline code."""
        return self.by_decline.get(decline_code or "", self.template)

    @property
    def templates(self) -> frozenset[str]:
        """Every template that the step can ask for."""
        return frozenset((self.template, *self.by_decline.values()))


class Campaign(Document):
    """Steps in the order in which they are sent, over at most `length`."""

    name: Name
    when: When = When()
    length: Span
    steps: Annotated[tuple[Step, ...], MinLen(1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        keys = [_order(step) for step in self.steps]
        for number in range(1, len(keys)):
            if keys[number] <= keys[number - 1]:
                raise refusal_at(
                    ("steps", number),
                    f"step `{self.steps[number].id}` does not come after step "
                    f"`{self.steps[number - 1].id}`. List the steps in the order in which they "
                    "are sent: by rising `after`, then by falling `before_close`.",
                )
        return self


def _order(step: Step) -> tuple[bool, timedelta]:
    if step.before_close is not None:
        return True, -step.before_close
    return False, step.after or timedelta(0)
