"""Is a reply kept once, obeyed in the same breath, and put under the right case?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dunning.channel import Channel
from dunning.replies import Meaning, Reading
from dunning.suppression import Reason, Source
from store.consents import Consents
from store.inbox import Inbox, NewEvent
from store.replies import NewReply, Replies
from store.suppressions import Closing, Suppressions
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from tests.store.conftest import Register

SOURCE = "twilio.inbound"
PHONE = "+12125550123"
ADA = {"id": "cus_1", "phone": PHONE, "locale": "de"}


@pytest.fixture
def consents(database: Database) -> Consents:
    return Consents(database, TOKEN_KEY)


@pytest.fixture
def replies(database: Database, suppressions: Suppressions, consents: Consents) -> Replies:
    return Replies(database, suppressions, consents)


def reply(meaning: Meaning, vendor_id: str = "SM1", **fields: Any) -> NewReply:
    given: dict[str, Any] = {"address": PHONE, "body": meaning.value}
    given |= {"reading": Reading(meaning=meaning), **fields}
    return NewReply(source=SOURCE, vendor_id=vendor_id, **given)


def yes(vendor_id: str) -> NewReply:
    return reply(Meaning.OTHER, vendor_id, reading=Reading(affirms=True))


async def test_a_stop_closes_the_number_and_is_proof_of_it(
    replies: Replies, suppressions: Suppressions, consents: Consents, register: Register
) -> None:
    await register(customer=ADA)
    taken = await replies.take(reply(Meaning.STOP))
    held = await suppressions.of(Channel.SMS, PHONE)
    assert (taken.meaning, taken.changed, taken.locale) == (Meaning.STOP, True, "de")
    assert held is not None
    assert (held.reason, held.source) == (Reason.OPTED_OUT, Source.REPLY)
    assert [(c.kind, c.source) for c in await consents.history("cus_1", PHONE)] == [
        ("withdrawn", "reply")
    ]
    (kept,) = await replies.find(handled=True)
    assert (kept.customer_id, kept.meaning, kept.handled_by) == ("cus_1", "stop", "dunning")
    assert await replies.find() == []


async def test_the_same_reply_counts_once_even_if_it_comes_at_the_same_time(
    replies: Replies, consents: Consents, register: Register, inbox: Inbox
) -> None:
    await register(customer=ADA)
    await inbox.put_many([NewEvent(source=SOURCE, name="reply", body=b"x", identity=b"SM1")])
    taken = await asyncio.gather(*(replies.take(reply(Meaning.STOP)) for _ in range(5)))
    assert [(t.meaning, t.changed) for t in taken] == [(Meaning.STOP, True)] * 5
    assert len(await consents.history("cus_1", PHONE)) == 1
    assert len(await replies.find(handled=True)) == 1


async def test_a_start_lifts_what_the_customer_chose_and_nothing_else(
    replies: Replies, suppressions: Suppressions, consents: Consents, register: Register
) -> None:
    await register(customer=ADA)
    await replies.take(reply(Meaning.STOP))
    bad = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.BAD_ADDRESS, source=Source.REPORT
    )
    await suppressions.add(bad)
    taken = await replies.take(reply(Meaning.START, "SM2"))
    held = await suppressions.of(Channel.SMS, PHONE)
    assert taken.changed
    assert held is not None
    assert held.reason is Reason.BAD_ADDRESS
    kinds = [entry.kind for entry in await consents.history("cus_1", PHONE)]
    assert kinds == ["withdrawn", "restored"]


async def test_a_start_without_a_stop_restores_nothing(
    replies: Replies, consents: Consents, register: Register
) -> None:
    await register(customer=ADA)
    taken = await replies.take(reply(Meaning.START))
    assert (taken.meaning, taken.changed) == (Meaning.START, False)
    assert await consents.history("cus_1", PHONE) == []


async def test_a_start_that_is_handled_late_does_not_undo_a_later_stop(
    replies: Replies, suppressions: Suppressions, inbox: Inbox
) -> None:
    for vendor_id in (b"SM1", b"SM2"):
        body = NewEvent(source=SOURCE, name="reply", body=vendor_id, identity=vendor_id)
        await inbox.put_many([body])
    await replies.take(reply(Meaning.STOP, "SM2"))
    assert not (await replies.take(reply(Meaning.START, "SM1"))).changed
    assert await suppressions.of(Channel.SMS, PHONE) is not None


async def test_a_bare_yes_is_a_start_only_after_a_stop(
    replies: Replies, suppressions: Suppressions
) -> None:
    before = await replies.take(yes("SM1"))
    await replies.take(reply(Meaning.STOP, "SM2"))
    after = await replies.take(yes("SM3"))
    again = await replies.take(yes("SM3"))
    meanings = [before.meaning, after.meaning, again.meaning]
    assert meanings == [Meaning.OTHER, Meaning.START, Meaning.START]
    assert await suppressions.of(Channel.SMS, PHONE) is None
    assert [r.meaning for r in await replies.find()] == [Meaning.OTHER]


async def test_a_reply_belongs_to_the_open_case_that_wrote_a_text_last(
    replies: Replies, register: Register, cases: Cases, database: Database, now: datetime
) -> None:
    from sqlalchemy import text

    ids = ("INV-1", "INV-2", "INV-3", "INV-4")
    for number, invoice_id in enumerate(ids):
        await register(invoice_id, customer={**ADA, "id": f"cus_{number % 2}"})
    await cases.open_many(ids, now)
    async with database.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO messages (
                    id, case_id, step, channel, template, status, occurred_at, counts, joins)
                SELECT 'm' || id, id, 's', CASE WHEN id = 4 THEN 'email' ELSE 'sms' END,
                    'reminder', 'sent', CAST('2026-03-02 09:00Z' AS timestamptz)
                    + CASE WHEN id = 2 THEN interval '1 h' ELSE interval '0' END, true, true
                FROM cases
            """)
        )
    taken = await replies.take(reply(Meaning.OTHER))
    (kept,) = await replies.find()
    assert (taken.invoice_id, kept.invoice_id, kept.customer_id) == ("INV-2", "INV-2", "cus_1")


async def test_a_reply_of_nobody_we_know_is_obeyed_too(
    replies: Replies, suppressions: Suppressions
) -> None:
    taken = await replies.take(reply(Meaning.STOP))
    assert (taken.changed, taken.invoice_id) == (True, None)
    assert await suppressions.of(Channel.SMS, PHONE) is not None


async def test_who_dealt_with_a_reply_first_stays(replies: Replies) -> None:
    await replies.take(reply(Meaning.OTHER, body="a\x00b\ud800" + "c" * 5000))
    (waiting,) = await replies.find()
    assert waiting.body is not None
    assert waiting.body[:4] == "a\ufffdb?"
    assert await replies.done(waiting.id, by="grace")
    assert await replies.done(waiting.id, by="ada")
    assert not await replies.done(waiting.id + 1, by="ada")
    assert await replies.find() == []
    assert [r.handled_by for r in await replies.find(handled=True)] == ["grace"]


async def test_a_start_that_is_handled_late_does_not_undo_a_later_choice_elsewhere(
    replies: Replies, suppressions: Suppressions, consents: Consents, inbox: Inbox
) -> None:
    await inbox.put_many([NewEvent(source=SOURCE, name="reply", body=b"x", identity=b"SM1")])
    chosen = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.OPTED_OUT, source=Source.PAGE
    )
    await suppressions.add(chosen)
    assert not (await replies.take(reply(Meaning.START, "SM1"))).changed
    assert await suppressions.of(Channel.SMS, PHONE) is not None
    await inbox.put_many([NewEvent(source=SOURCE, name="reply", body=b"x", identity=b"SM2")])
    assert (await replies.take(reply(Meaning.START, "SM2"))).changed


async def test_a_stop_that_is_handled_late_is_lifted_by_the_start_that_followed_it(
    replies: Replies, suppressions: Suppressions, inbox: Inbox
) -> None:
    for vendor_id in (b"SM1", b"SM2"):
        body = NewEvent(source=SOURCE, name="reply", body=vendor_id, identity=vendor_id)
        await inbox.put_many([body])
    await replies.take(reply(Meaning.STOP, "SM1"))
    assert (await replies.take(reply(Meaning.START, "SM2"))).changed
    assert await suppressions.of(Channel.SMS, PHONE) is None
