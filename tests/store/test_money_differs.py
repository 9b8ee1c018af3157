"""Does the team hear of each payment that is not of the amount that it should be?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dunning.alert import AlertKind
from dunning.settlement import Settlement
from store.settlement import Settlements
from store.standing import Standings
from tests.store.conftest import TOKEN_KEY
from tests.store.test_payments import EUROS, booked, told, usd

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register


@pytest.fixture
def settlements(database: Database) -> Settlements:
    return Settlements(database)


async def test_a_difference_that_is_told_again_without_its_amount_pays_nothing(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await settlements.settle("INV-1", usd(2000), "t1", now)
    again = await settlements.settle("INV-1", None, "t1", now)
    assert again.settlement is Settlement.DIFFERS
    waiting = [(2000, "USD", "revtain", "t1", False)]
    assert await booked(database) == ("open", 4900, 0, waiting)


async def test_a_difference_without_a_case_is_told_once_for_each_sum(
    settlements: Settlements, register: Register, database: Database, now: datetime
) -> None:
    await register(revtain={"transaction_ids": ["t1", "t2"]})
    for money, transaction in ((usd(2000), "t1"), (usd(2000), "t1"), (EUROS, "t2")):
        await settlements.settle("INV-1", money, transaction, now)
    owed = {"owed": "4900 USD"}
    assert await told(database) == [
        (AlertKind.AMOUNT_DIFFERS, "INV-1", owed | {"received": "2000 USD"}),
        (AlertKind.AMOUNT_DIFFERS, "INV-1", owed | {"received": "4900 EUR, 2000 USD"}),
    ]


async def test_a_difference_of_which_the_merchant_has_told_holds_no_case_up(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
) -> None:
    """But only once nothing is left that nobody has looked at."""
    await register(revtain={"transaction_ids": ["t1", "t2"]})
    standings = Standings(database, TOKEN_KEY)
    for transaction in ("t1", "t2"):
        await settlements.settle("INV-1", usd(1000), transaction, now)
    await registry.receive_payment("INV-1", usd(1000), "t1", now)
    assert (await standings.of("INV-1")).amount_differs
    await registry.receive_payment("INV-1", usd(1000), "t2", now)
    assert not (await standings.of("INV-1")).amount_differs
    assert (await booked(database))[:3] == ("open", 4900, 2000)


@pytest.mark.parametrize(("first", "settlement"), [(None, "already_paid"), (2000, "counted")])
async def test_what_was_counted_as_another_amount_is_told(
    settlements: Settlements,
    registry: Registry,
    register: Register,
    database: Database,
    now: datetime,
    first: int | None,
    settlement: str,
) -> None:
    """Be it that an amount was taken for granted, or that the merchant named another one."""
    await register()
    if first is None:
        await settlements.settle("INV-1", None, "t1", now)
    else:
        await registry.receive_payment("INV-1", usd(first), "t1", now)
    before = await booked(database)
    for _ in range(2):
        answer = await settlements.settle("INV-1", usd(3000), "t1", now)
        assert answer.settlement.value == settlement
    assert await booked(database) == before
    figures = {"received": "3000 USD", "counted": f"{first or 4900} USD"}
    assert await told(database) == [(AlertKind.AMOUNT_DIFFERS, "INV-1", figures)]
