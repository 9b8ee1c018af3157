"""Is every consent given and withdrawn proven, and does a stop hold until it may be lifted?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from dunning.channel import Channel
from dunning.replies import Meaning, Reading
from dunning.suppression import Reason, Scope, Source
from store.closed_addresses import ClosedAddresses, Lifting, StopHoldsError
from store.consents import Consents
from store.replies import NewReply, Replies
from store.suppressions import LOCK, Closing, Suppressions
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.database import Database
    from tests.store.conftest import Register

PHONE, OTHER = "+12125550123", "+12125550124"
JANUARY = datetime(2026, 1, 5, 10, tzinfo=UTC)
ADA = {"id": "cus_1", "phone": PHONE, "sms_consent_at": JANUARY}
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def consents(database: Database) -> Consents:
    return Consents(database, TOKEN_KEY)


@pytest.fixture
def closed(database: Database, suppressions: Suppressions, consents: Consents) -> ClosedAddresses:
    return ClosedAddresses(database, suppressions, consents)


@pytest.fixture
def replies(database: Database, suppressions: Suppressions, consents: Consents) -> Replies:
    return Replies(database, suppressions, consents)


async def history(consents: Consents, phone: str = PHONE) -> list[tuple[str, str, str | None]]:
    return [(c.kind, c.source, c.proof) for c in await consents.history("cus_1", phone)]


def closing(reason: Reason = Reason.OPTED_OUT, **fields: Any) -> Closing:
    given: dict[str, Any] = {"channel": Channel.SMS, "address": PHONE, "source": Source.API}
    given |= fields
    return Closing(reason=reason, **given)


def lifting(**fields: Any) -> Lifting:
    return Lifting(channel=Channel.SMS, address=PHONE, by=Source.API, **fields)


async def stops(replies: Replies) -> None:
    said = Reading(meaning=Meaning.STOP)
    await replies.take(
        NewReply(source="s", vendor_id="SM1", address=PHONE, body="stop", reading=said)
    )


async def test_a_registered_consent_is_recorded_once_with_its_proof(
    consents: Consents, register: Register
) -> None:
    proof = "ticked at checkout, form v3"
    await register(customer={**ADA, "sms_consent_proof": proof})
    await register(customer={**ADA, "sms_consent_proof": proof})
    await register("INV-2", customer=ADA)
    (entry,) = await consents.history("cus_1", PHONE)
    assert (entry.channel, entry.kind, entry.at) == (Channel.SMS, "given", JANUARY)
    assert (entry.source, entry.proof) == ("registration", proof)


async def test_a_consent_is_recorded_anew_for_an_instant_or_a_number_that_is_new(
    consents: Consents, register: Register
) -> None:
    await register(customer={"id": "cus_1", "sms_consent_at": JANUARY})
    assert await history(consents) == []
    await register(customer={"phone": PHONE})
    await register(customer={"sms_consent_at": JANUARY + timedelta(days=1)})
    await register(customer={"phone": OTHER})
    given = [entry.at for entry in await consents.history("cus_1", OTHER)]
    assert given == [JANUARY, JANUARY + timedelta(days=1), JANUARY + timedelta(days=1)]


async def test_a_consent_that_the_merchant_clears_is_withdrawn_once(
    consents: Consents, register: Register
) -> None:
    await register(customer=ADA)
    for _ in range(2):
        await register(customer={"sms_consent_at": None, "sms_consent_proof": "asked by mail"})
    assert await history(consents) == [
        ("given", "registration", None),
        ("withdrawn", "registration", "asked by mail"),
    ]


async def test_a_proof_alone_records_nothing(consents: Consents, register: Register) -> None:
    await register(customer={"id": "cus_1", "phone": PHONE, "sms_consent_proof": "form"})
    assert await history(consents) == []


async def test_a_registered_consent_does_not_lift_a_stop(
    replies: Replies, suppressions: Suppressions, register: Register
) -> None:
    await register(customer=ADA)
    await stops(replies)
    await register(customer={"sms_consent_at": LATER})
    assert await suppressions.of(Channel.SMS, PHONE) is not None


async def test_a_stop_is_lifted_only_after_a_later_consent(
    replies: Replies,
    closed: ClosedAddresses,
    consents: Consents,
    suppressions: Suppressions,
    register: Register,
) -> None:
    await register(customer=ADA)
    await stops(replies)
    with pytest.raises(StopHoldsError, match="sms_consent_at"):
        await closed.lift(lifting())
    assert await suppressions.of(Channel.SMS, PHONE) is not None
    await register(customer={"sms_consent_at": LATER})
    assert await closed.lift(lifting(customer_id="cus_1", note="called"))
    assert await suppressions.of(Channel.SMS, PHONE) is None
    assert (await history(consents))[1:] == [
        ("withdrawn", "reply", None),
        ("given", "registration", None),
        ("restored", "api", "called"),
    ]


async def test_a_stop_holds_that_came_after_the_merchant_had_closed_the_number(
    replies: Replies, closed: ClosedAddresses, suppressions: Suppressions, register: Register
) -> None:
    await register(customer=ADA)
    await closed.close(closing())
    await stops(replies)
    with pytest.raises(StopHoldsError):
        await closed.lift(lifting())
    assert await suppressions.of(Channel.SMS, PHONE) is not None


@pytest.mark.parametrize("source", [Source.SEND, Source.REPORT, Source.PAGE, Source.IMPORT])
async def test_a_stop_that_was_heard_elsewhere_holds_too(
    closed: ClosedAddresses, suppressions: Suppressions, source: Source
) -> None:
    await suppressions.add(closing(source=source))
    with pytest.raises(StopHoldsError):
        await closed.lift(lifting())
    assert not await closed.lift(lifting(reasons=(Reason.BAD_ADDRESS,)))


@pytest.mark.parametrize("source", [Source.API, Source.OPERATOR])
async def test_what_the_merchant_closed_the_merchant_opens(
    closed: ClosedAddresses, consents: Consents, register: Register, source: Source
) -> None:
    await register(customer=ADA)
    assert await closed.close(closing(source=source), customer_id="cus_1", note="a letter")
    assert not await closed.close(closing(source=source), customer_id="cus_1", note="a letter")
    assert await closed.lift(lifting(customer_id="cus_1"))
    assert not await closed.lift(lifting(customer_id="cus_1"))
    assert (await history(consents))[1:] == [
        ("withdrawn", source, "a letter"),
        ("restored", "api", None),
    ]


async def test_facts_are_closed_and_opened_without_a_word_on_consent(
    closed: ClosedAddresses, consents: Consents, register: Register
) -> None:
    await register(customer=ADA)
    await closed.close(closing(Reason.BAD_ADDRESS))
    await closed.close(closing(Reason.COMPLAINED, scope=Scope.REMINDERS))
    found = await closed.of({Channel.SMS: PHONE})
    listed = await closed.find(channel=Channel.SMS)
    assert [(one.reason, one.scope) for one in found] == [
        (Reason.BAD_ADDRESS, Scope.EVERYTHING),
        (Reason.COMPLAINED, Scope.REMINDERS),
    ]
    assert listed == found[::-1]
    assert await closed.find(reason=Reason.OPTED_OUT) == []
    assert await closed.lift(lifting())
    assert await closed.of({Channel.SMS: PHONE}) == []
    assert await history(consents) == [("given", "registration", None)]


async def test_a_stop_that_comes_while_its_number_is_being_opened_is_seen(
    closed: ClosedAddresses, suppressions: Suppressions, database: Database
) -> None:
    """What is held is read under the lock, not before it."""
    stop = closing(source=Source.REPLY)
    async with database.begin() as other:
        await other.execute(LOCK, {"digest": suppressions.digest(PHONE)})
        lifted = asyncio.create_task(closed.lift(lifting()))
        async with asyncio.timeout(10):
            while not await waits(database):
                await asyncio.sleep(0.01)
        await suppressions.add_within(other, stop)
    with pytest.raises(StopHoldsError):
        await lifted
    assert await suppressions.of(Channel.SMS, PHONE) is not None


async def waits(database: Database) -> bool:
    """Whether somebody waits for the lock of a number."""
    asked = text("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
    async with database.single() as connection:
        return bool(await connection.scalar(asked))
