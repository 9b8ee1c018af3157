"""Is money that comes in by parts, twice or for two invoices booked as it should be?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.alert import AlertKind
from dunning.errors import DirectoryError, RegistryError
from dunning.lookup import DirectoryName, read_document
from dunning.money import Money
from dunning.settlement import Settlement
from dunning.states import Cause, Outcome, State
from dunning.view import CaseView
from store.alerts import Alerts
from store.inbox import NewEvent
from store.matching import Matching, Reference
from store.refreshing import Refreshing
from store.settlement import Settlements
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.inbox import Inbox
    from store.registry import Registry
    from tests.store.conftest import Register


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


EUROS = Money(minor=4900, currency="EUR")


@pytest.fixture
def settlements(database: Database) -> Settlements:
    return Settlements(database)


async def booked(database: Database) -> tuple[object, ...]:
    """Status, what the merchant registered, what was paid of it; and each payment."""
    async with database.single() as connection:
        invoice = await connection.execute(
            text("SELECT status, amount_due, paid_minor FROM invoices WHERE id = 'INV-1'")
        )
        parts = await connection.execute(
            text("""
                SELECT amount, currency, source, reference, counted_at IS NOT NULL FROM payments
                WHERE invoice_id = 'INV-1' ORDER BY id
            """)
        )
        return (*invoice.one(), [tuple(row) for row in parts])


async def told(database: Database) -> list[tuple[AlertKind, str, dict[str, str]]]:
    found = await Alerts(database).find()
    return [(one.kind, one.subject, one.detail) for one in reversed(found)]


async def trail(database: Database) -> list[dict[str, Any]]:
    statement = text("""
        SELECT detail - 'at' FROM audit WHERE kind = 'payment.received' ORDER BY id
    """)
    async with database.single() as connection:
        return list(await connection.scalars(statement))


async def test_a_part_is_taken_off_and_the_last_one_pays(
    registry: Registry, register: Register, database: Database, cases: Cases, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    first = await registry.receive_payment("INV-1", usd(2000), "a", now)
    again = await registry.receive_payment("INV-1", usd(2000), "a", now)
    assert (first, again) == (Settlement.PART, Settlement.COUNTED)
    half = await registry.get_invoice("INV-1")
    assert half is not None
    assert (half.amount, half.total) == (usd(2900), usd(4900))
    assert await registry.receive_payment("INV-1", usd(2900), "b", now) is Settlement.PAID
    assert await booked(database) == (
        "paid",
        4900,
        4900,
        [(2000, "USD", "api", "a", True), (2900, "USD", "api", "b", True)],
    )
    whole = await registry.get_invoice("INV-1")
    assert whole is not None
    assert whole.amount == usd(4900)
    assert await trail(database) == [
        {"amount": 2000, "currency": "USD", "source": "api", "left": 2900},
        {"amount": 2900, "currency": "USD", "source": "api", "left": 0},
    ]
    assert await told(database) == []


async def test_too_much_pays_and_the_team_is_told_once(
    registry: Registry, register: Register, database: Database, cases: Cases, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    for _ in range(2):
        await registry.receive_payment("INV-1", usd(5000), "a", now)
    figures = {"owed": "4900 USD", "received": "5000 USD"}
    assert await told(database) == [(AlertKind.OVERPAID, "INV-1", figures)]
    assert [entry["left"] for entry in await trail(database)] == [-100]


async def test_a_reference_is_one_payment_even_when_it_comes_at_the_same_time(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    answers = await asyncio.gather(
        *(registry.receive_payment("INV-1", usd(2000), "a", now) for _ in range(5))
    )
    assert sorted(filter(None, answers)) == [Settlement.COUNTED] * 4 + [Settlement.PART]
    with pytest.raises(RegistryError, match=r"came to 20\.00 USD .* cannot be 21\.00 USD"):
        await registry.receive_payment("INV-1", usd(2100), "a", now)
    assert (await booked(database))[2] == 2000


async def test_another_currency_is_refused_with_both_figures(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    with pytest.raises(RegistryError, match=r"49\.00 EUR .* of which 49\.00 USD is owed"):
        await registry.receive_payment("INV-1", EUROS, "a", now)
    assert await booked(database) == ("open", 4900, 0, [])
    assert await registry.receive_payment("INV-9", EUROS, None, now) is None


async def test_the_same_amount_registered_again_does_not_bring_the_debt_back(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await registry.receive_payment("INV-1", usd(1000), "a", now)
    await registry.receive_payment("INV-1", usd(1000), "b", now)
    directory = Refreshing(database, TOKEN_KEY)
    # What each of the payments had left, as a system that lags behind still says it.
    for minor in (4900, 3900, 2900):
        await register(amount_due=minor)
        entry = read_document({"id": "INV-1", "amount_due": minor, "status": "open"})
        await directory.put(DirectoryName.HTTP, entry, now)
        assert (await booked(database))[:3] == ("open", 4900, 2000)


async def test_another_amount_is_another_debt_of_which_the_payments_are_taken_off(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await registry.receive_payment("INV-1", usd(2000), "a", now)
    await register(amount_due=6000)
    invoice = await registry.get_invoice("INV-1")
    assert invoice is not None
    assert invoice.amount == usd(4000)
    await register(amount_due=1500)
    assert (await booked(database))[:3] == ("paid", 1500, 2000)


async def test_the_currency_of_an_invoice_that_is_paid_in_part_stays(
    registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await registry.receive_payment("INV-1", usd(2000), "a", now)
    with pytest.raises(RegistryError, match="paid in part: its currency stays USD"):
        await register(currency="EUR")
    entry = read_document({"id": "INV-1", "currency": "EUR"})
    with pytest.raises(DirectoryError, match="paid in part"):
        await Refreshing(database, TOKEN_KEY).put(DirectoryName.SQL, entry, now)


async def test_two_transactions_that_differ_are_kept_until_a_person_takes_them(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    cases: Cases,
    now: datetime,
) -> None:
    await register(revtain={"transaction_ids": ["t1", "t2"]})
    await cases.open_many(["INV-1"], now)
    for minor, transaction in ((2000, "t1"), (2000, "t1"), (2900, "t2")):
        answer = await settlements.settle("INV-1", usd(minor), transaction, now)
        assert answer.settlement is Settlement.DIFFERS
    waiting = [(2000, "USD", "revtain", "t1", False), (2900, "USD", "revtain", "t2", False)]
    assert await booked(database) == ("open", 4900, 0, waiting)
    assert await registry.accept_waiting("INV-1", now) is False
    assert await booked(database) == ("open", 4900, 0, waiting)

    await registry.mark_paid("INV-1", Cause.MANUAL, now)
    looked_at = [(2000, "USD", "review", "t1", True), (2900, "USD", "review", "t2", True)]
    assert await booked(database) == ("paid", 4900, 4900, looked_at)
    assert [(e["source"], e["left"]) for e in await trail(database)] == [
        ("revtain", 4900),
        ("revtain", 4900),
        ("review", 0),
        ("review", 0),
    ]
    assert await told(database) == []


async def test_what_a_person_took_as_a_part_counts_once(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    await register(revtain={"transaction_ids": ["t1", "t2"]})
    await settlements.settle("INV-1", usd(2000), "t1", now)
    assert await registry.accept_waiting("INV-1", now)
    again = await settlements.settle("INV-1", usd(2000), "t1", now)
    assert again.settlement is Settlement.COUNTED
    part = [(2000, "USD", "review", "t1", True)]
    assert await booked(database) == ("open", 4900, 2000, part)
    rest = await settlements.settle("INV-1", usd(2900), "t2", now)
    assert rest.settlement is Settlement.PAID
    assert (await booked(database))[:3] == ("paid", 4900, 4900)


async def test_money_in_another_currency_that_a_person_passed_by_is_not_asked_about_again(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    await register()
    await settlements.settle("INV-1", EUROS, "t1", now)
    assert await registry.accept_waiting("INV-1", now)
    again = await settlements.settle("INV-1", EUROS, "t1", now)
    assert again.settlement is Settlement.COUNTED
    looked_at = [(4900, "EUR", "review", "t1", False)]
    assert await booked(database) == ("open", 4900, 0, looked_at)


async def test_a_payment_that_was_told_without_its_name_is_known_by_it_later(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register()
    for transaction in (None, "t1", None):
        await settlements.settle("INV-1", usd(4900), transaction, now)
    assert await booked(database) == ("paid", 4900, 4900, [(4900, "USD", "revtain", "t1", True)])
    assert await told(database) == []


async def test_money_that_comes_twice_is_told_as_too_much(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    """But not when the merchant had only said that it is paid: that may be the same money."""
    await register()
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)
    await settlements.settle("INV-1", usd(4900), "t1", now)
    assert await told(database) == []
    await settlements.settle("INV-1", usd(4900), "t2", now)
    figures = {"owed": "4900 USD", "received": "9800 USD"}
    assert await told(database) == [(AlertKind.OVERPAID, "INV-1", figures)]


async def test_the_transaction_as_reference_makes_it_the_same_money(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    await register()
    await registry.receive_payment("INV-1", usd(4900), "t1", now)
    await settlements.settle("INV-1", usd(4900), "t1", now)
    assert (await booked(database))[2] == 4900
    assert await told(database) == []


@pytest.mark.parametrize("money", [usd(4900), EUROS])
async def test_money_for_what_is_not_owed_is_told(
    settlements: Settlements, register: Register, database: Database, money: Money, now: datetime
) -> None:
    await register(status="void")
    await settlements.settle("INV-1", money, "t1", now)
    figures = {"owed": "0 USD", "received": f"{money.minor} {money.currency}"}
    assert await told(database) == [(AlertKind.OVERPAID, "INV-1", figures)]


async def test_a_part_for_a_case_that_ended_unpaid_is_told(
    settlements: Settlements, register: Register, database: Database, cases: Cases, now: datetime
) -> None:
    await register()
    opening = (await cases.open_many(["INV-1"], now))["INV-1"]
    ended = CaseView(
        workflow_id=opening.workflow_id,
        version=2,
        state=State.CLOSED,
        outcome=Outcome.WRITTEN_OFF,
        closed_at=now,
        steps=(),
    )
    await cases.close(ended, now)
    for _ in range(2):
        await settlements.settle("INV-1", usd(2000), "t1", now)
    detail = {"outcome": "written_off", "owed": "4900 USD", "received": "2000 USD"}
    assert await told(database) == [(AlertKind.PAID_AFTER_CLOSE, "INV-1", detail)]


async def test_a_payment_of_two_invoices_is_that_of_its_transaction(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    inbox: Inbox,
    database: Database,
    now: datetime,
) -> None:
    await register("INV-1", revtain={"transaction_ids": ["t1"]})
    await register("INV-2", revtain={"idempotency_keys": ["k2"]})
    event = NewEvent(
        source="revtain",
        name="recovery.success",
        body=b"{}",
        transaction_id="t1",
        idempotency_key="k2",
    )
    await inbox.put_many([event])
    standing = [await inbox.pending_success(one) for one in ("INV-1", "INV-2")]
    assert standing == [[b"{}"], []]
    found = await Matching(database).match_many(
        [Reference(event_id=1, transaction_id="t1", idempotency_key="k2")]
    )
    assert (found[1].invoice_id, found[1].other) == ("INV-1", "INV-2")
    for _ in range(2):
        await settlements.settle("INV-1", usd(4900), "t1", now, key="k2", other="INV-2")
    assert await told(database) == [(AlertKind.PAID_TWO, "INV-1", {"other": "INV-2"})]
    other = await registry.get_invoice("INV-2")
    assert other is not None
    assert other.status.value == "open"


async def test_of_two_invoices_that_claim_a_transaction_at_once_one_is_refused(
    register: Register,
) -> None:
    for n in range(5):
        claimed = {"transaction_ids": [f"t{n}"]}
        answers = await asyncio.gather(
            *(register(f"INV-{n}-{one}", revtain=claimed) for one in "ab"),
            return_exceptions=True,
        )
        refused = [one for one in answers if isinstance(one, RegistryError)]
        assert len(refused) == 1
        assert refused[0].field == "revtain.transaction_ids"


async def test_an_invoice_of_nothing_opens_no_case(
    register: Register, registry: Registry, cases: Cases, now: datetime
) -> None:
    await register(amount_due=0)
    (opening,) = (await cases.open_many(["INV-1"], now)).values()
    assert (opening.kind.value, await cases.get("INV-1")) == ("settled", None)


async def test_sums_that_no_column_can_hold_do_no_harm(
    settlements: Settlements, registry: Registry, register: Register, now: datetime
) -> None:
    await register()
    for n in range(3):
        await settlements.settle("INV-1", usd(2**63 - 1), f"t{n}", now)
    await registry.mark_paid("INV-1", Cause.MANUAL, now)
    invoice = await registry.get_invoice("INV-1")
    assert invoice is not None
    assert invoice.status.value == "paid"
