"""Which cases is a campaign for? Its conditions, and the facts that they are held against."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from annotated_types import Ge, MinLen
from pydantic import StrictInt, StringConstraints, model_validator

from dunning.advice import Advice, DeclineClass, class_of
from dunning.directory import BillingPeriod, Invoice
from dunning.document import Document, LocaleTag, refusal
from dunning.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a case when its campaign is chosen."""

    advice: Advice
    invoice: Invoice
    decline_code: str | None = None


class AmountRange(Document):
    """Amounts in minor units: from `at_least` on, up to but not including `below`."""

    at_least: StrictInt = 0
    below: StrictInt | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.below is not None and self.below <= self.at_least:
            raise refusal("`below` is not above `at_least`, so no amount fits. Raise `below`.")
        return self

    def holds(self, minor: int) -> bool:
        """Whether the amount lies in the range."""
        return minor >= self.at_least and (self.below is None or minor < self.below)

    def within(self, other: "AmountRange") -> bool:
        """Whether every amount of this range lies in the other one."""
        ends_in_time = other.below is None or (self.below is not None and self.below <= other.below)
        return self.at_least >= other.at_least and ends_in_time


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Texts = Annotated[tuple[str, ...], MinLen(1)]


def _same_language(wanted: str, found: str) -> bool:
    short, full = (tag.replace("_", "-").lower() for tag in (wanted, found))
    return full == short or full.startswith(f"{short}-")


class When(Document):
    """All conditions given must hold; one left out always holds.

    A list holds when one of its entries fits. `billing_period: [null]` is an invoice without a
    period. `amount` names each currency it accepts. `locale: [de]` fits de-AT too.
    """

    advice: Annotated[tuple[Advice, ...], MinLen(1)] | None = None
    billing_period: Annotated[tuple[BillingPeriod | None, ...], MinLen(1)] | None = None
    decline_codes: Texts | None = None
    amount: Annotated[Mapping[Currency, AmountRange], MinLen(1)] | None = None
    decline_class: Annotated[tuple[DeclineClass, ...], MinLen(1)] | None = None
    plan: Texts | None = None
    tags: Texts | None = None
    value_tier: Texts | None = None
    locale: Annotated[tuple[LocaleTag, ...], MinLen(1)] | None = None

    def mismatch(self, facts: Facts, locale: str) -> str | None:
        """The first condition that does not hold, as "plan is basic, not pro"; None if all do.

        `locale` is the account's own, for a customer without one.
        """
        return next((told for holds, told in self._answers(facts, locale) if not holds), None)

    def _answers(self, facts: Facts, locale: str) -> Iterator[tuple[bool, str]]:
        invoice, contact = facts.invoice, facts.invoice.contact
        yield _one_of("advice", self.advice, facts.advice)
        yield _one_of("billing period", self.billing_period, invoice.billing_period)
        yield _one_of("decline code", self.decline_codes, facts.decline_code)
        kind = class_of(facts.decline_code)
        yield _one_of("decline class", self.decline_class, kind)
        # Said without the amount itself: this reason travels in the history of the case.
        fits, _ = _amount_fits(self.amount, invoice.amount)
        yield fits, f"amount in {invoice.amount.currency} is outside the campaign's range"
        yield _one_of("plan", self.plan, invoice.plan)
        yield self._tag_fits(contact.tags)
        yield _one_of("value tier", self.value_tier, contact.value_tier)
        yield self._locale_fits(contact.locale or locale)

    def _tag_fits(self, tags: tuple[str, ...]) -> tuple[bool, str]:
        fits = self.tags is None or not set(tags).isdisjoint(self.tags)
        return fits, f"no tag of the customer is one of {_listed(self.tags)}"

    def _locale_fits(self, found: str) -> tuple[bool, str]:
        fits = self.locale is None or any(_same_language(want, found) for want in self.locale)
        return fits, f"locale is {found}, not {_listed(self.locale)}"

    def covers(self, other: "When") -> bool:
        """Whether everything that fits the other fits this one too."""
        pairs = (
            (self.advice, other.advice),
            (self.billing_period, other.billing_period),
            (self.decline_codes, other.decline_codes),
            (self.plan, other.plan),
            (self.tags, other.tags),
            (self.value_tier, other.value_tier),
        )
        lists_cover = all(_contains(mine, theirs) for mine, theirs in pairs)
        return (
            lists_cover
            and self._covers_class(other)
            and self._covers_amount(other)
            and self._covers_locale(other)
        )

    def _covers_class(self, other: "When") -> bool:
        if self.decline_class is None:
            return True
        told = tuple(class_of(code) for code in other.decline_codes or ())
        return _contains(self.decline_class, other.decline_class or told or None)

    def _covers_amount(self, other: "When") -> bool:
        if self.amount is None or other.amount is None:
            return self.amount is None
        mine = self.amount
        return all(code in mine and r.within(mine[code]) for code, r in other.amount.items())

    def _covers_locale(self, other: "When") -> bool:
        if self.locale is None or other.locale is None:
            return self.locale is None
        return all(any(_same_language(m, found) for m in self.locale) for found in other.locale)


class CaseCount(Document):
    """How many open cases a customer has: `at_least` and `at_most` are both included."""

    at_least: Annotated[StrictInt, Ge(1)] = 1
    at_most: Annotated[StrictInt, Ge(1)] | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.at_most is not None and self.at_most < self.at_least:
            raise refusal("`at_most` is below `at_least`, so no number fits. Raise `at_most`.")
        return self

    def holds(self, number: int) -> bool:
        """Whether the number fits."""
        return number >= self.at_least and (self.at_most is None or number <= self.at_most)


class OnlyIf(Document):
    """What must hold, when the case is planned, for a step to be planned at all.

    `open_cases` counts the customer's cases that are not closed, this one included.
    """

    amount: Annotated[Mapping[Currency, AmountRange], MinLen(1)] | None = None
    value_tier: Texts | None = None
    open_cases: CaseCount | None = None

    def mismatch(self, invoice: Invoice, open_cases: int) -> str | None:
        """The first condition that does not hold, in words; None if all do."""
        answers = (
            _amount_fits(self.amount, invoice.amount),
            _one_of("value tier", self.value_tier, invoice.contact.value_tier),
            (
                self.open_cases is None or self.open_cases.holds(open_cases),
                f"the customer has {open_cases} open cases",
            ),
        )
        return next((told for holds, told in answers if not holds), None)


def _amount_fits(accepted: Mapping[str, AmountRange] | None, amount: Money) -> tuple[bool, str]:
    told = f"amount is {amount.major} {amount.currency}, outside the campaign's range"
    if accepted is None:
        return True, told
    span = accepted.get(amount.currency)
    return span is not None and span.holds(amount.minor), told


def _one_of(
    name: str, wanted: tuple[str | None, ...] | None, found: str | None
) -> tuple[bool, str]:
    return (
        wanted is None or found in wanted,
        f"{name} is {found or 'not set'}, not {_listed(wanted)}",
    )


def _listed(values: tuple[str | None, ...] | None) -> str:
    return " or ".join(value or "not set" for value in values or ())


def _contains(mine: tuple[str | None, ...] | None, theirs: tuple[str | None, ...] | None) -> bool:
    if mine is None or theirs is None:
        return mine is None
    return set(theirs) <= set(mine)
