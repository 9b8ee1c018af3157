"""What do the calls of the interface take, besides an invoice?"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

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
from dunning.handover import Gateway, Handover, check_code, check_key
from dunning.money import Money
from dunning.orders import Decide, Decision, Extend, Pause, Replan, Resume, SendNow, Skip, Stop
from dunning.registration import (
    LARGEST_AMOUNT,
    InvoiceRegistration,
    check_currency,
    check_invoice_id,
)
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

_Code = Annotated[str, AfterValidator(check_code)]
_Key = Annotated[str, AfterValidator(check_key)]
_Tokens = Annotated[tuple[_Name, ...], Field(strict=False, max_length=10)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CardBody(_Body):
    """The fresh gateway token of a new card."""

    payment_method_token: _Name = Field(examples=["pm_2"])


class PaidBody(_Body):
    """What was paid; without an amount, all of it."""

    amount: Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)] | None = Field(
        default=None,
        description="In the currency's minor unit. Less than what is owed: the rest stays owed.",
        examples=[2000],
    )
    currency: Annotated[str, AfterValidator(check_currency)] | None = Field(
        default=None, examples=["USD"]
    )
    reference: _Name | None = Field(
        default=None,
        description="Your own name of the payment, or the transaction id if Revtain took it: the "
        "same one counts once. Without it, the Idempotency-Key does that.",
        examples=["bank 2026-11-20 17"],
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.amount is None) != (self.currency is None):
            raise ValueError("amount and currency belong together: give both, or neither")
        if self.amount is None and self.reference is not None:
            raise ValueError("reference names a payment: give its amount and currency too")
        return self

    @property
    def money(self) -> Money | None:
        """What came in; None for all that is owed."""
        if self.amount is None or self.currency is None:
            return None
        return Money(minor=self.amount, currency=self.currency)


class PaymentBody(_Body):
    """A payment that succeeded at the first try."""

    amount: Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)] = Field(
        description="In the currency's minor unit; Revtain takes 50 to 100000000.", examples=[4900]
    )
    currency: Annotated[str, AfterValidator(check_currency)] = Field(examples=["USD"])
    reference: _Key | None = Field(
        default=None, description="Your own id of the payment.", examples=["ORDER-1"]
    )


class RecoveryBody(_Body):
    """A failed payment, to be tried by Revtain."""

    invoice_id: Annotated[str, AfterValidator(check_invoice_id)] = Field(examples=["INV-1"])
    invoice: InvoiceRegistration | None = Field(
        default=None,
        description="As in PUT /v1/invoices/{id}; may be left out for one that is registered. The "
        "card's token must be given here, or be known.",
    )
    decline_code: _Code | None = Field(
        default=None, description="The processor's decline code.", examples=["do_not_honor"]
    )
    idempotency_key: _Key | None = Field(
        default=None,
        description="Your own name of this attempt; the same one is the same recovery.",
        examples=["INV-1_retry_1"],
    )
    card_country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="Of the card's issuer, ISO 3166.", examples=["US"]
    )
    card_prefix: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = Field(
        default=None, description="The first six digits of the card.", examples=["424242"]
    )
    fallback_payment_method_tokens: _Tokens = Field(
        default=(), description="Other cards of the same customer."
    )
    gateway: Annotated[Gateway, Field(strict=False)] | None = Field(
        default=None, description="Whose decline code it is."
    )
    simulate: Literal["success", "failed", "blocked"] | None = Field(
        default=None, description="The outcome of a trial; in test mode only."
    )

    def handover(self) -> Handover:
        """What is handed over, without the invoice."""
        return Handover(
            key=self.idempotency_key,
            decline_code=self.decline_code,
            gateway=self.gateway,
            card_country=self.card_country,
            card_prefix=self.card_prefix,
            fallback_tokens=self.fallback_payment_method_tokens,
            simulate=self.simulate,
        )


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
