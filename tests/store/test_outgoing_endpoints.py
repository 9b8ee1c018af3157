"""What may an endpoint ask for, and what is known of it?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.outgoing import PAUSES, check_url, pause_after
from store.endpoints import Endpoints
from store.outgoing import Outgoing, OutgoingStatus
from tests.store.happenings import LEASE, URL, execute, happen, opened

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register


@pytest.fixture
def endpoints(database: Database) -> Endpoints:
    return Endpoints(database, b"a key of the tests")


@pytest.fixture
def outgoing(database: Database) -> Outgoing:
    return Outgoing(database)


async def test_an_endpoint_that_is_removed_meanwhile_fails_no_case(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    await opened(cases, register, "INV-1")
    made, _ = await endpoints.add(URL)
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM endpoints WHERE id = :id"), {"id": made.id})
        happening = asyncio.create_task(happen(database, "INV-1", "case.waiting"))
        await _until_blocked(database)
    await happening
    assert await outgoing.find() == []


async def _until_blocked(database: Database) -> None:
    waiting = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """)
    async with asyncio.timeout(10), database.single() as connection:
        while not await connection.scalar(waiting):
            await asyncio.sleep(0)


async def test_an_endpoint_holds_no_more_than_its_places(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register
) -> None:
    slow, _ = await endpoints.add(URL)
    fast, _ = await endpoints.add(URL)
    await opened(cases, register, *(f"INV-{n}" for n in range(5)))
    taken = await outgoing.claim(100, LEASE, each=2)
    assert sorted(one.endpoint_id for one in taken) == sorted([slow.id, slow.id, fast.id, fast.id])
    for one in taken:
        if one.endpoint_id == fast.id:
            await outgoing.delivered(one.id, 200)
    more = await outgoing.claim(100, LEASE, each=2)
    assert [one.endpoint_id for one in more] == [fast.id, fast.id]


async def test_an_endpoint_that_asks_for_it_is_left_alone(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register, database: Database
) -> None:
    made, _ = await endpoints.add(URL)
    await opened(cases, register, "INV-1")
    await endpoints.hold(made.id, timedelta(minutes=10))
    await endpoints.hold(made.id, timedelta(minutes=1))
    assert await outgoing.claim(10, LEASE, each=9) == []
    await execute(database, "UPDATE endpoints SET held_until = held_until - interval '9 minutes'")
    assert await outgoing.claim(10, LEASE, each=9) == []
    await execute(database, "UPDATE endpoints SET held_until = held_until - interval '1 minute'")
    assert len(await outgoing.claim(10, LEASE, each=9)) == 1


async def test_a_disabled_endpoint_leaves_nothing_due(
    outgoing: Outgoing, endpoints: Endpoints, cases: Cases, register: Register
) -> None:
    made, _ = await endpoints.add(URL)
    await opened(cases, register, "INV-1", "INV-2")
    assert await outgoing.oldest_due() is not None
    assert await endpoints.disable(made.id, "gone") == 2
    assert await endpoints.disable(made.id, "again") is None
    assert await outgoing.oldest_due() is None
    assert (await outgoing.counts())[OutgoingStatus.DEAD] == 2
    assert await endpoints.enable(made.id)
    assert await outgoing.replay_dead() == 2


async def test_secrets_are_derived_and_rotate_without_a_gap(
    endpoints: Endpoints, database: Database
) -> None:
    made, first = await endpoints.add(URL)
    assert await endpoints.secrets(made.id) == [first]
    second = await endpoints.rotate(made.id)
    third = await endpoints.rotate(made.id)
    assert await endpoints.secrets(made.id) == [third, second, first]
    await execute(database, "UPDATE endpoints SET earlier_until = clock_timestamp()")
    assert await endpoints.secrets(made.id) == [third]
    fourth = await endpoints.rotate(made.id)
    assert await endpoints.secrets(made.id) == [fourth, third]
    fifth = await endpoints.rotate(made.id, at_once=True)
    assert await endpoints.secrets(made.id) == [fifth]
    assert await Endpoints(database, b"another key").secrets(made.id) != [fifth]
    async with database.single() as connection:
        row = (await connection.execute(text("SELECT * FROM endpoints"))).one()
    assert not {first, second, third, fourth, fifth} & {str(value) for value in row}
    assert await endpoints.rotate("ep_unknown") is None


def test_the_schedule_lasts_three_days() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 11)]
    assert pauses == [*PAUSES, None]
    assert timedelta(days=3) < sum(PAUSES, timedelta()) < timedelta(days=4)
    assert pause_after(1, timedelta(hours=3)) == timedelta(hours=3)
    assert pause_after(9, timedelta(hours=3)) == timedelta(hours=24)
    assert pause_after(10, timedelta(hours=3)) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/hooks",
        "ftp://shop.example",
        "https://",
        "https:///hooks",
        "https://[::1",
        "https://shop.example:99999/",
        "https://shop.example/a b",
        "https://shop.example/\x00",
        "https://ada:secret@shop.example/",
        "https://shop.example/#part",
        "https://shop.example/" + "x" * 2000,
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_url(url)
