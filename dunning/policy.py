"""What has the merchant decided about dunning? The policy file as one unchangeable value."""

import hashlib
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Interval, MinLen
from pydantic import AfterValidator, StrictBool, StrictInt, ValidationError

from dunning.brand import CheckedBrand, MailAddress
from dunning.budget import Budget
from dunning.campaign import Campaign
from dunning.document import Document, LocaleTag, refusal
from dunning.duration import Span, Wait
from dunning.errors import PolicyError
from dunning.hours import Windows
from dunning.policy_problems import problems
from dunning.prices import Prices
from dunning.windows import known_zone


def _zone(name: str) -> str:
    if not known_zone(name):
        raise refusal(f"`{name}` is not a known time zone. Write one like Europe/Berlin or UTC.")
    return name


class Account(Document):
    """What holds for a customer whose own zone or language is not known."""

    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    locale: LocaleTag = "en"


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


def _available(charged_by: ChargedBy) -> ChargedBy:
    if charged_by is ChargedBy.US:
        raise refusal(
            "`us` is not available yet: this service does not charge a new card by itself. "
            "Write `merchant` and pass the new card's token on your next /execute call."
        )
    return charged_by


class NewCard(Document):
    """Who charges a new card, and how long its result is awaited."""

    charged_by: Annotated[ChargedBy, AfterValidator(_available)] = ChargedBy.MERCHANT
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
    spacing: Span = timedelta(hours=24)
    budget: Budget = Budget()
    merge_within: Wait = timedelta(hours=24)
    watch: Watch = Watch()
    new_card: NewCard = NewCard()
    review: Review = Review()
    receipt: StrictBool = True
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
