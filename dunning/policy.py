"""What has the merchant decided about dunning? The policy file as one unchangeable value."""

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from annotated_types import Interval, MinLen
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
)

from dunning.brand import CheckedBrand, MailAddress
from dunning.budget import Budget
from dunning.campaign import Campaign
from dunning.consent import ConsentRule
from dunning.document import Document, LocaleTag, refusal
from dunning.duration import Span, Wait
from dunning.end import End
from dunning.errors import PolicyError
from dunning.hours import Windows
from dunning.pay_page import PayPage
from dunning.policy_problems import problems
from dunning.prices import Prices
from dunning.windows import known_zone

_LONGEST_PROMISE = timedelta(days=90)


def _zone(name: str) -> str:
    if not known_zone(name):
        raise refusal(f"`{name}` is not a known time zone. Write one like Europe/Berlin or UTC.")
    return name


class Account(Document):
    """What holds for a customer whose own zone or language is not known."""

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    locale: LocaleTag = "en"


class ConsentRules(Document):
    """On which channels a recorded consent is needed."""

    sms: ConsentRule = ConsentRule.REQUIRED


class AfterWatch(StrEnum):
    """What follows when the recovery service stayed silent."""

    REVIEW = "review"
    CAMPAIGN = "campaign"


class Watch(Document):
    """How long a case waits in silence for the recovery service."""

    deadline: Span = timedelta(days=45)
    then: AfterWatch = AfterWatch.REVIEW


class ChargedBy(StrEnum):
    """Who charges a new card."""

    MERCHANT = "merchant"
    US = "us"


class NewCard(Document):
    """Who charges a new card, and how long its result is awaited."""

    charged_by: ChargedBy = ChargedBy.MERCHANT
    deadline: Span = timedelta(days=3)


class AfterReview(StrEnum):
    """What follows when nobody decided."""

    WRITE_OFF = "write_off"
    STOP = "stop"
    HAND_OVER = "hand_over"


class Review(Document):
    """How long a person has to decide, how often that is renewed, and what follows then."""

    deadline: Span = timedelta(days=5)
    rounds: Annotated[StrictInt, Interval(ge=1, le=10)] = 2
    then: AfterReview = AfterReview.WRITE_OFF


def _some_days(longest: timedelta) -> timedelta:
    if timedelta(days=1) <= longest <= _LONGEST_PROMISE:
        return longest
    raise refusal(
        f"a promise can reach 1 to {_LONGEST_PROMISE.days} days ahead. Write a number of days in "
        "between, such as 14d, or `promise: off` to take none."
    )


class Promise(Document):
    """How far ahead and how often a customer may promise to pay, and what follows.

    `grace` is what the bank may take after the day; `confirm` answers at once, `remind` reminds on
    the morning of the day.
    """

    longest: Annotated[Span, AfterValidator(_some_days)] = timedelta(days=14)
    most: Annotated[StrictInt, Interval(ge=1, le=5)] = 1
    grace: Wait = timedelta(days=2)
    confirm: StrictBool = True
    remind: StrictBool = False


def _promise(value: object) -> object:
    return None if value == "off" else value


def _or_off(schema: dict[str, Any]) -> None:
    schema["anyOf"].append({"const": "off"})


class DirectoryRules(Document):
    """How old what a directory said may be, and how long a message waits for its next answer."""

    stale_after: Wait = timedelta(hours=24)
    give_up_after: Wait = timedelta(days=2)


class Unsubscribe(StrEnum):
    """What a reminder offers to somebody who wants no more of them."""

    NONE = "none"
    LINK = "link"
    ONE_CLICK = "one_click"


class DeclineReason(StrEnum):
    """Whether messages may hint at why the bank declined."""

    SHOW = "show"
    HIDE = "hide"


class Wording(Document):
    """What messages may say."""

    decline_reason: DeclineReason = DeclineReason.SHOW

    def told(self, decline_code: str | None) -> str | None:
        """The decline code that templates may be chosen by."""
        return decline_code if self.decline_reason is DeclineReason.SHOW else None


class Policy(Document):
    """One version of the merchant's decisions. A running case keeps the version it began with."""

    version: Literal[1]
    brand: CheckedBrand
    account: Account = Account()
    windows: Windows = Windows()
    consent: ConsentRules = ConsentRules()
    spacing: Span = timedelta(hours=24)
    budget: Budget = Budget()
    merge_within: Wait = timedelta(hours=24)
    watch: Watch = Watch()
    new_card: NewCard = NewCard()
    review: Review = Review()
    end: End = End()
    promise: Annotated[
        Promise | None, BeforeValidator(_promise), Field(json_schema_extra=_or_off)
    ] = Promise()
    pay_page: PayPage = PayPage()
    directory: DirectoryRules = DirectoryRules()
    receipt: StrictBool = True
    unsubscribe: Unsubscribe = Unsubscribe.LINK
    words: Wording = Wording()
    prices: Prices = Prices()
    copies: tuple[MailAddress, ...] = ()
    campaigns: Annotated[tuple[Campaign, ...], MinLen(1)]

    @property
    def digest(self) -> str:
        """Identifies the version: hex SHA-256 over all decisions, those left at default too.

        `model_dump(mode="json")` is the document that `parse_policy` reads back as the same.
        """
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def parse_policy(document: object) -> Policy:
    """Check a loaded document; a PolicyError names every problem, its path and its fix."""
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        raise PolicyError(problems(error, Policy.model_json_schema())) from error
