"""Does an invoice count as paid exactly when its money came in, or a person says so?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.currencies import CURRENCIES
from dunning.directory import InvoiceStatus
from dunning.money import Money, exponent, sums
from dunning.orders import Decide, Decision
from dunning.settlement import Account, PaidBy, Payment, Settlement, credit, judge
from dunning.states import Outcome, State
from tests.rules.builders import Story, amount_differs, failed, recovered

OPEN, PAID, VOID = InvoiceStatus


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def came(
    money: Money,
    *,
    by: PaidBy = PaidBy.REVTAIN,
    counted: bool = True,
    reference: str | None = None,
) -> Payment:
    return Payment(money=money, source=by, counted=counted, reference=reference)


def account(*payments: Payment, status: InvoiceStatus = OPEN) -> Account:
    return Account(total=usd(4900), status=status, payments=payments)


WAITING = came(usd(2000), counted=False, reference="t1")
LOOKED_AT = came(eur(2000), counted=False, by=PaidBy.REVIEW, reference="t1")
PART = came(usd(2000), reference="t1")


@pytest.mark.parametrize(
    ("before", "reference", "received", "settlement"),
    [
        (account(), "t1", usd(4900), Settlement.PAID),
        (account(), "t1", None, Settlement.PAID),
        (account(), "t1", usd(4899), Settlement.DIFFERS),
        (account(), "t1", usd(4901), Settlement.DIFFERS),
        (account(), "t1", eur(4900), Settlement.DIFFERS),
        (account(PART), "t2", usd(2900), Settlement.PAID),
        (account(PART), "t2", usd(4900), Settlement.DIFFERS),
        (account(PART), "t1", usd(2000), Settlement.COUNTED),
        (account(PART), None, usd(2000), Settlement.COUNTED),
        (account(PART), None, None, Settlement.PAID),
        (account(came(usd(2000))), "t1", usd(2000), Settlement.COUNTED),
        (account(LOOKED_AT), "t1", eur(2000), Settlement.COUNTED),
        (account(WAITING), "t1", usd(2000), Settlement.DIFFERS),
        (account(WAITING), "t1", usd(4900), Settlement.PAID),
        (account(WAITING), "t1", None, Settlement.DIFFERS),
        (account(WAITING), "t2", None, Settlement.PAID),
        (account(WAITING), "t2", usd(2900), Settlement.DIFFERS),
        (account(WAITING), "t2", usd(4900), Settlement.PAID),
        (account(status=PAID), "t1", usd(4900), Settlement.ALREADY_PAID),
        (account(status=VOID), "t1", usd(4900), Settlement.VOID),
    ],
)
def test_what_a_success_means(
    before: Account, reference: str | None, received: Money | None, settlement: Settlement
) -> None:
    assert judge(before, received, before.find(reference, received)) is settlement


@pytest.mark.parametrize(
    ("before", "minor", "settlement"),
    [
        (account(), 2000, Settlement.PART),
        (account(), 4900, Settlement.PAID),
        (account(), 5000, Settlement.PAID),
        (account(PART), 2899, Settlement.PART),
        (account(PART), 2900, Settlement.PAID),
        (account(WAITING), 2900, Settlement.PART),
        (account(status=PAID), 1, Settlement.ALREADY_PAID),
        (account(status=VOID), 1, Settlement.VOID),
    ],
)
def test_what_the_merchant_received_counts_at_once(
    before: Account, minor: int, settlement: Settlement
) -> None:
    assert credit(before, usd(minor)) is settlement


def test_money_in_another_currency_takes_nothing_off() -> None:
    mixed = account(came(eur(4900)), PART, WAITING)
    assert (mixed.paid, mixed.left, mixed.covered) == (2000, usd(2900), False)
    assert (mixed.waiting, sums(p.money for p in mixed.payments)) == (
        (WAITING,),
        [eur(4900), usd(4000)],
    )


def test_more_than_is_owed_leaves_nothing_rather_than_less() -> None:
    assert account(came(usd(9000))).left == usd(0)


@pytest.mark.parametrize(
    ("money", "figure"),
    [
        (usd(4900), "49.00 USD"),
        (Money(minor=2500, currency="JPY"), "2500 JPY"),
        (Money(minor=1, currency="KWD"), "0.001 KWD"),
        (usd(10**18), "10000000000000000.00 USD"),
    ],
)
def test_figures_for_the_team(money: Money, figure: str) -> None:
    assert money.figure == figure


def test_the_currencies_are_codes_of_three_capitals_and_no_test_codes() -> None:
    assert all(len(c) == 3 and c.isascii() and c.isupper() for c in CURRENCIES)
    assert not CURRENCIES & {"XXX", "XTS", "XXQ", "XAU"}
    assert {exponent(c) for c in CURRENCIES} == {0, 2, 3, 4}


@dataclass(slots=True)
class Life:
    """An invoice and its case, told of money as the store and the handler tell them."""

    account: Account = field(default_factory=lambda: Account(total=usd(4900), status=OPEN))
    story: Story = field(default_factory=lambda: Story().happens(failed()))
    by_hand: bool = False
    ended_before: bool = False
    written_after: int | None = None

    def succeeds(self, money: Money | None, reference: str | None) -> None:
        known = self.account.find(reference, money)
        settlement = judge(self.account, money, known)
        match settlement:
            case Settlement.PAID:
                self._keep(came(money or self.account.left, reference=reference), known)
            case Settlement.DIFFERS if money is not None:
                self._keep(came(money, counted=False, reference=reference), known)
                self.story.happens(amount_differs())
            case _:
                pass
        self._pay_if(settlement)

    def receives(self, money: Money) -> None:
        settlement = credit(self.account, money)
        self._keep(came(money, by=PaidBy.API), None)
        self._pay_if(settlement)

    def is_decided(self, decision: Decision) -> None:
        if self.story.case.state is not State.REVIEW:
            return
        resumed = decision is Decision.RESUME
        if resumed and self.account.waiting and self.account.covered:
            return
        taken = tuple(
            replace(p, source=PaidBy.REVIEW, counted=p.money.currency == "USD") if p.waits else p
            for p in self.account.payments
        )
        self.account = replace(self.account, payments=taken)
        if not resumed:
            self.by_hand = True
            self._mark()
        self.story.happens(Decide(decision=decision))

    def _keep(self, payment: Payment, known: Payment | None) -> None:
        others = tuple(p for p in self.account.payments if p is not known)
        self.account = replace(self.account, payments=(*others, payment))

    def _pay_if(self, settlement: Settlement) -> None:
        if settlement is Settlement.PAID:
            self._mark()
            self.story.happens(recovered())

    def _mark(self) -> None:
        self.account = replace(self.account, status=PAID)
        self.ended_before = self.story.case.state is State.CLOSED
        self.written_after = len(self.story.nudges)


AMOUNTS = st.sampled_from([1, 2000, 2900, 4899, 4900, 4901, 9000])
MONEY = st.builds(Money, minor=AMOUNTS, currency=st.sampled_from(["USD", "USD", "EUR"]))
HAPPENINGS = st.one_of(
    st.tuples(
        st.just("succeeds"),
        st.none() | MONEY,
        st.none() | st.sampled_from(["t1", "t2", "t3"]),
    ),
    st.tuples(st.just("receives"), st.builds(usd, AMOUNTS)),
    st.tuples(st.just("is_decided"), st.sampled_from([Decision.RESUME, Decision.MARK_PAID])),
    st.tuples(st.just("days"), st.integers(1, 6)),
)


@given(st.lists(HAPPENINGS, max_size=12))
def test_paid_means_that_the_money_is_there_or_a_person_said_so_and_then_there_is_silence(
    happenings: list[tuple[str, object]],
) -> None:
    life, day = Life(), 0
    for name, *told in happenings:
        if name == "days":
            day += int(str(told[0]))
            life.story.until(day)
        else:
            getattr(life, name)(*told)
        covered = life.account.paid >= life.account.total.minor
        assert (life.account.status is PAID) == (covered or life.by_hand)
    life.story.until(90)
    recovers = life.account.status is PAID and not life.ended_before
    assert (life.story.case.outcome is Outcome.RECOVERED) == recovers
    if life.written_after is not None:
        late = [step for _, step in life.story.nudges[life.written_after :]]
        assert late in ([], ["receipt"])
