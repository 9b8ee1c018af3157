"""What do the calls of the interface take, besides an invoice?"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from dunning.consent import LONGEST_PROOF
from dunning.orders import Decide, Decision, Extend, Pause, Replan, Resume, SendNow, Skip, Stop
from dunning.suppression import Reason, Scope

_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def _printable(value: str) -> str:
    if _UNWANTED.search(value):
        raise ValueError("must not contain control characters")
    return value


def _written(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-", value)):
        return value
    raise ValueError('must be an RFC 3339 instant with a zone, such as "2026-11-20T00:00:00Z"')


_Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
    AfterValidator(_printable),
]
_Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]
_Instant = Annotated[AwareDatetime, BeforeValidator(_written), Field(strict=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CardBody(_Body):
    """The fresh gateway token of a new card."""

    payment_method_token: _Name = Field(examples=["pm_2"])


class Noted(_Body):
    """A body that may say why."""

    note: _Text | None = Field(default=None, description="Why, for the people who work on it.")


class PauseBody(Noted):
    """Until when nobody is written to; null or absent: until resumed."""

    until: _Instant | None = Field(default=None, examples=["2026-11-20T00:00:00Z"])

    def order(self) -> Pause:
        """The order to the case."""
        return Pause(until=self.until)


class ResumeBody(Noted):
    """End a pause."""

    def order(self) -> Resume:
        """The order to the case."""
        return Resume()


class SkipBody(Noted):
    """A step that shall not be sent."""

    step: _Name = Field(examples=["second"])

    def order(self) -> Skip:
        """The order to the case."""
        return Skip(step=self.step)


class SendNowBody(Noted):
    """A step that shall be sent as soon as its window allows."""

    step: _Name = Field(examples=["second"])

    def order(self) -> SendNow:
        """The order to the case."""
        return SendNow(step=self.step)


class StopBody(Noted):
    """Close the case for good."""

    def order(self) -> Stop:
        """The order to the case."""
        return Stop()


class ExtendBody(Noted):
    """How many days more the customer gets."""

    days: int = Field(ge=1, le=3650, examples=[7])

    def order(self) -> Extend:
        """The order to the case."""
        return Extend(days=self.days)


class ReplanBody(Noted):
    """Plan what is left again from what is known now."""

    def order(self) -> Replan:
        """The order to the case."""
        return Replan()


class DecideBody(Noted):
    """What ends the review."""

    decision: Annotated[Decision, Field(strict=False)]

    def order(self) -> Decide:
        """The order to the case."""
        return Decide(decision=self.decision)


class ReopenBody(Noted):
    """Begin anew what ended unpaid."""


class NoteBody(_Body):
    """A word about a case."""

    note: _Text = Field(examples=["Customer called, pays on Friday."])


class AssignBody(_Body):
    """Who looks after the case; null for nobody."""

    owner: _Name | None = Field(examples=["ada"])


class SuppressionBody(_Body):
    """Why and how far a channel to a customer is to be closed."""

    reason: Annotated[Reason, Field(strict=False)] = Reason.OPTED_OUT
    scope: Annotated[Scope, Field(strict=False)] = Scope.EVERYTHING
    expires_at: _Instant | None = Field(default=None, examples=["2026-11-20T00:00:00Z"])
    note: Annotated[_Text, Field(max_length=LONGEST_PROOF)] | None = Field(
        default=None, description="Who said so, and how; kept as proof of an opt-out."
    )

    @model_validator(mode="after")
    def _with_its_note(self) -> Self:
        if self.note is not None and not self.reason.chosen:
            raise ValueError("note is kept with the reason opted_out only: leave it out")
        return self


OrderBody = (
    PauseBody
    | ResumeBody
    | SkipBody
    | SendNowBody
    | StopBody
    | ExtendBody
    | ReplanBody
    | DecideBody
)
