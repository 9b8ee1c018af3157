"""Is money booked once, on the right invoice, with the right cause?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.money import Money
from dunning.settlement import Account, Settlement, judge
from dunning.states import Cause
from store.digest import token_digest
from store.matching import Match, Matching, Reference
from store.settlement import Settled, Settlements
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register

OWED = Money(minor=4900, currency="USD")
MORE = Money(minor=5000, currency="USD")
EUROS = Money(minor=4900, currency="EUR")

PAID = Settled(settlement=Settlement.PAID, cause=Cause.REVTAIN_RETRY, after_close=False)
ALREADY = Settled(settlement=Settlement.ALREADY_PAID, cause=Cause.REVTAIN_RETRY, after_close=False)
DIFFERS = Settled(settlement=Settlement.DIFFERS, cause=None, after_close=False)


@pytest.mark.parametrize(
    ("status", "received", "settlement"),
    [
        (InvoiceStatus.OPEN, OWED, Settlement.PAID),
        (InvoiceStatus.OPEN, None, Settlement.PAID),
        (InvoiceStatus.OPEN, MORE, Settlement.DIFFERS),
        (InvoiceStatus.OPEN, EUROS, Settlement.DIFFERS),
        (InvoiceStatus.PAID, OWED, Settlement.ALREADY_PAID),
        (InvoiceStatus.PAID, MORE, Settlement.ALREADY_PAID),
        (InvoiceStatus.VOID, OWED, Settlement.VOID),
        (InvoiceStatus.VOID, None, Settlement.VOID),
    ],
)
def test_judgement(status: InvoiceStatus, received: Money | None, settlement: Settlement) -> None:
    assert judge(Account(total=OWED, status=status), received) is settlement


@pytest.fixture
def settlements(database: Database) -> Settlements:
    return Settlements(database)


async def booked(database: Database) -> tuple[object, ...]:
    statement = text("""
        SELECT status, paid_at, received_minor, received_currency, differs_at FROM invoices
    """)
    async with database.single() as connection:
        return tuple((await connection.execute(statement)).one())


async def test_a_success_pays_once_whatever_is_repeated(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["tx_1"]})
    answers = await asyncio.gather(
        *(settlements.settle("INV-1", OWED, "tx_1", now) for _ in range(4))
    )
    assert sorted(answers, key=lambda one: one.settlement) == [ALREADY, ALREADY, ALREADY, PAID]
    assert await booked(database) == ("paid", now, 4900, "USD", None)


async def test_another_amount_keeps_both_figures_and_the_debt(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register()
    answers = [
        await settlements.settle("INV-1", EUROS, "tx_1", now),
        await settlements.settle("INV-1", EUROS, "tx_1", now),
    ]
    assert answers == [DIFFERS, DIFFERS]
    assert await booked(database) == ("open", None, 4900, "EUR", now)


async def test_money_for_a_void_invoice_is_kept_on_record(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register(status="void")
    answer = await settlements.settle("INV-1", OWED, "tx_1", now)
    assert answer == Settled(settlement=Settlement.VOID, cause=None, after_close=False)
    assert await booked(database) == ("void", None, 4900, "USD", None)


@pytest.mark.parametrize(
    ("transaction_id", "replaced", "cause"),
    [
        ("tx_first", False, Cause.REVTAIN_RETRY),
        ("tx_unknown", False, Cause.REVTAIN_RETRY),
        (None, False, Cause.REVTAIN_RETRY),
        ("tx_second", False, Cause.CARD_UPDATE),
        ("tx_first", True, Cause.CARD_UPDATE),
        (None, True, Cause.CARD_UPDATE),
    ],
)
async def test_the_cause_is_the_new_card_when_there_was_one(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    now: datetime,
    *,
    transaction_id: str | None,
    replaced: bool,
    cause: Cause,
) -> None:
    await register(payment_method_token="pm_1", revtain={"transaction_ids": ["tx_first"]})
    await register(payment_method_token="pm_2", revtain={"transaction_ids": ["tx_second"]})
    if replaced:
        await registry.replace_card("INV-1", "pm_3")
    answer = await settlements.settle("INV-1", None, transaction_id, now)
    assert answer == Settled(settlement=Settlement.PAID, cause=cause, after_close=False)


async def test_a_success_for_an_unknown_invoice_is_refused(
    settlements: Settlements, now: datetime
) -> None:
    with pytest.raises(RegistryError, match="Invoice INV-9 is not registered"):
        await settlements.settle("INV-9", OWED, "tx_1", now)


async def test_events_match_by_transaction_then_by_key_and_teach_the_transaction(
    register: Register, database: Database
) -> None:
    await register("INV-1", revtain={"transaction_ids": ["tx_1"], "idempotency_keys": ["key_1"]})
    await register("INV-2", payment_method_token="pm_2", revtain={"idempotency_keys": ["key_2"]})
    matching = Matching(database)
    first = Match(invoice_id="INV-1", card=None, owed=OWED)
    second = Match(invoice_id="INV-2", card=token_digest(TOKEN_KEY, "pm_2"), owed=OWED)
    both = Match(invoice_id="INV-2", card=second.card, owed=OWED, other="INV-1")
    matched = await matching.match_many(
        [
            Reference(event_id=1, transaction_id="tx_1"),
            Reference(event_id=2, transaction_id="tx_new", idempotency_key="key_2"),
            Reference(event_id=3, idempotency_key="key_1"),
            Reference(event_id=4, transaction_id="tx_unknown"),
            Reference(event_id=5),
            Reference(event_id=6, transaction_id="\x00\ud800"),
            Reference(event_id=7, transaction_id="tx_new", idempotency_key="key_2"),
        ]
    )
    learned = await matching.match_many(
        [Reference(event_id=8, transaction_id="tx_new", idempotency_key="key_1")]
    )
    assert (matched, learned) == ({1: first, 2: second, 3: first, 7: second}, {8: both})
    assert await matching.match_many([]) == {}


async def test_concurrent_matches_may_learn_the_same_transactions(
    register: Register, database: Database
) -> None:
    await register(revtain={"idempotency_keys": ["key_1"]})
    references = [
        Reference(event_id=n, transaction_id=f"tx_{n}", idempotency_key="key_1") for n in range(50)
    ]
    orders = [references, references[::-1], references[25:] + references[:25]]
    matched = await asyncio.gather(*(Matching(database).match_many(one) for one in orders))
    one = Match(invoice_id="INV-1", card=None, owed=OWED)
    assert matched == [dict.fromkeys(range(50), one)] * 3
