"""Is a customer's choice kept whole, with its proof, and does it undo no more than choices?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.suppression import Reason, Source
from store.consents import Consents, NewConsent
from store.preferences import Preferences
from store.suppressions import Closing, Suppressions

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

KEY = b"a key of the tests"
ADA = {Channel.EMAIL: "ada@example.com", Channel.SMS: "+12125550123"}


class BrokenConsents(Consents):
    """Consents that the database refuses to take."""

    async def add_within(self, connection: AsyncConnection, new: NewConsent) -> None:
        del new
        await connection.execute(text("SELECT 1 / 0"))


def _over(database: Database, consents: type[Consents] = Consents) -> Preferences:
    return Preferences(database, Suppressions(database, KEY), consents(database, KEY))


async def _register(database: Database) -> None:
    async with database.single() as connection:
        await connection.execute(text("INSERT INTO customers (id) VALUES ('cus_1')"))


async def test_a_fact_that_came_between_look_and_choice_is_not_lifted(database: Database) -> None:
    suppressions, preferences = Suppressions(database, KEY), _over(database)
    await _register(database)
    await preferences.stop("cus_1", ADA, source=Source.PAGE)
    for reason in (Reason.BAD_ADDRESS, Reason.COMPLAINED):
        closing = Closing(
            channel=Channel.EMAIL,
            address=ADA[Channel.EMAIL],
            reason=reason,
            source=Source.REPORT,
        )
        await suppressions.add(closing)
    await preferences.start("cus_1", ADA, source=Source.PAGE)
    closed = await preferences.closed(ADA)
    assert {channel: one.reason for channel, one in closed.items()} == {
        Channel.EMAIL: Reason.BAD_ADDRESS
    }


async def test_a_choice_without_its_proof_is_not_made_at_all(database: Database) -> None:
    with pytest.raises(Exception, match="division by zero"):
        await _over(database, BrokenConsents).stop("cus_1", ADA, source=Source.ONE_CLICK)
    assert await _over(database).closed(ADA) == {}
