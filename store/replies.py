"""What did customers answer, and what became of each answer?

A stop and its consequences are one transaction, so that no reply is kept that was not obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.channel import Channel
from dunning.consent import ConsentKind
from dunning.replies import Meaning, Reading, ReplyChannel
from dunning.suppression import Reason, Source
from store.consents import NewConsent
from store.foreign import storable
from store.suppressions import LOCK, Closing

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.consents import Consents
    from store.database import Database
    from store.suppressions import Suppressions

_LONGEST_BODY = 4000
_BY_ITSELF = "dunning"

_EVENT = text("""
    SELECT id, received_at FROM events
    WHERE source = :source AND digest = sha256(convert_to(:vendor_id, 'UTF8'))
""")
_OPTED_OUT = text("""
    SELECT EXISTS (
        SELECT FROM suppressions WHERE channel = :channel AND address_digest = :digest
        AND reason = 'opted_out' AND lifted_at IS NULL
        AND (expires_at IS NULL OR expires_at > clock_timestamp()))
""")
# The case that the customer most probably answers to: the one that wrote a text last.
_WHOSE = text("""
    SELECT customers.id AS customer_id, customers.locale, cases.id AS case_id, cases.invoice_id
    FROM customers
    LEFT JOIN invoices ON invoices.customer_id = customers.id
    LEFT JOIN cases ON cases.invoice_id = invoices.id AND cases.closed_at IS NULL
    LEFT JOIN LATERAL (
        SELECT max(COALESCE(occurred_at, begun_at, reserved_at)) AS at FROM messages
        WHERE messages.case_id = cases.id AND messages.channel = :channel
        AND messages.status IN ('reserved', 'sent', 'unknown')
    ) AS texts ON true
    WHERE customers.phone = btrim(:address)
    ORDER BY texts.at DESC NULLS LAST, cases.id DESC NULLS LAST, customers.updated_at DESC
    LIMIT 1
""")
_PUT = text("""
    INSERT INTO replies (
        channel, vendor_id, address_digest, customer_id, case_id, body, meaning, received_at,
        handled_at, handled_by)
    VALUES (
        :channel, :vendor_id, :digest, :customer_id, CAST(:case_id AS bigint), :body, :meaning,
        COALESCE(CAST(:received_at AS timestamptz), clock_timestamp()),
        CASE WHEN :meaning <> 'other' THEN clock_timestamp() END,
        CASE WHEN :meaning <> 'other' THEN CAST(:by AS text) END)
    ON CONFLICT (vendor_id) DO NOTHING RETURNING id
""")
_KNOWN = text("SELECT meaning FROM replies WHERE vendor_id = :vendor_id")
_OBEYED = text("SELECT EXISTS (SELECT FROM suppressions WHERE event_id = :event_id)")
_STOPPED_LATER = text("""
    SELECT EXISTS (
        SELECT FROM replies WHERE address_digest = :digest AND meaning = 'stop'
        AND received_at > CAST(:received_at AS timestamptz))
""")
_FIND = text("""
    SELECT replies.id, replies.channel, replies.customer_id, cases.invoice_id, replies.body,
        replies.meaning, replies.received_at, replies.handled_at, replies.handled_by
    FROM replies LEFT JOIN cases ON cases.id = replies.case_id
    WHERE :all OR replies.handled_at IS NULL
    ORDER BY replies.id DESC LIMIT :limit
""")
_HANDLE = text("""
    UPDATE replies SET handled_at = clock_timestamp(), handled_by = :by
    WHERE id = :id AND handled_at IS NULL
""")
_EXISTS = text("SELECT EXISTS (SELECT FROM replies WHERE id = :id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReply:
    """A text that came in, under the vendor's own id of it, by the inbox `source`."""

    source: str
    vendor_id: str
    address: str
    body: str
    reading: Reading
    channel: Channel = Channel.SMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a reply came to. `changed`: this very reply opened or closed the channel."""

    meaning: Meaning
    changed: bool
    invoice_id: str | None
    locale: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRecord:
    """A reply as people read it. Holds personal data."""

    id: int
    channel: ReplyChannel
    customer_id: str | None
    invoice_id: str | None
    body: str | None
    meaning: Meaning
    received_at: datetime
    handled_at: datetime | None
    handled_by: str | None


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A reply with what the database knows about it."""

    new: NewReply
    digest: str
    event: RowMapping | None
    whose: RowMapping | None

    @property
    def event_id(self) -> int | None:
        return None if self.event is None else self.event["id"]

    @property
    def received_at(self) -> datetime | None:
        return None if self.event is None else self.event["received_at"]

    @property
    def customer_id(self) -> str | None:
        return None if self.whose is None else self.whose["customer_id"]


class Replies:
    """Takes replies in, once each by the vendor's id, and keeps those that a person must read."""

    def __init__(self, database: Database, suppressions: Suppressions, consents: Consents) -> None:
        self._database = database
        self._suppressions = suppressions
        self._consents = consents

    async def take(self, new: NewReply) -> Taken:
        """Keep a reply and obey it; a repetition changes nothing and is answered like the first."""
        async with self._database.begin() as connection:
            incoming = await self._look_up(connection, new)
            meaning = await _meaning(connection, incoming)
            if await _put(connection, incoming, meaning):
                changed = await self._obey(connection, incoming, meaning)
            else:
                vendor_id = {"vendor_id": storable(new.vendor_id)}
                meaning = Meaning(await connection.scalar(_KNOWN, vendor_id))
                changed = await _changed_before(connection, incoming)
        whose = incoming.whose
        return Taken(
            meaning=meaning,
            changed=changed,
            invoice_id=None if whose is None else whose["invoice_id"],
            locale=None if whose is None else whose["locale"],
        )

    async def find(self, *, handled: bool = False, limit: int = 100) -> list[ReplyRecord]:
        """Those that wait for a person, the newest first; with `handled` all of them."""
        async with self._database.single() as connection:
            rows = await connection.execute(_FIND, {"all": handled, "limit": limit})
            return [_record(row) for row in rows.mappings()]

    async def done(self, reply_id: int, *, by: str) -> bool:
        """A person has dealt with it; who did so first stays. False for an unknown reply."""
        async with self._database.single() as connection:
            await connection.execute(_HANDLE, {"id": reply_id, "by": by})
            return bool(await connection.scalar(_EXISTS, {"id": reply_id}))

    async def _look_up(self, connection: AsyncConnection, new: NewReply) -> _Incoming:
        digest = self._suppressions.digest(new.address)
        await connection.execute(LOCK, {"digest": digest})
        asked = {"source": new.source, "vendor_id": new.vendor_id}
        event = (await connection.execute(_EVENT, asked)).mappings().one_or_none()
        about = {"channel": new.channel, "address": new.address}
        whose = (await connection.execute(_WHOSE, about)).mappings().one_or_none()
        return _Incoming(new, digest, event, whose)

    async def _obey(
        self, connection: AsyncConnection, incoming: _Incoming, meaning: Meaning
    ) -> bool:
        if meaning is Meaning.STOP:
            return await self._stop(connection, incoming)
        if meaning is Meaning.START:
            return await self._start(connection, incoming)
        return False

    async def _stop(self, connection: AsyncConnection, incoming: _Incoming) -> bool:
        closed = await self._suppressions.add_within(
            connection,
            Closing(
                channel=incoming.new.channel,
                address=incoming.new.address,
                reason=Reason.OPTED_OUT,
                source=Source.REPLY,
                event_id=incoming.event_id,
                at=incoming.received_at,
            ),
        )
        await self._consent(connection, incoming, ConsentKind.WITHDRAWN)
        return closed

    async def _start(self, connection: AsyncConnection, incoming: _Incoming) -> bool:
        """Only what the customer chose is taken back, and only if no stop came after it."""
        asked = {"digest": incoming.digest, "received_at": incoming.received_at}
        if await connection.scalar(_STOPPED_LATER, asked):
            return False
        lifted = await self._suppressions.lift_within(
            connection,
            incoming.new.channel,
            incoming.new.address,
            by=Source.REPLY,
            reasons=(Reason.OPTED_OUT,),
            before=incoming.received_at,
        )
        if lifted:
            await self._consent(connection, incoming, ConsentKind.RESTORED)
        return lifted

    async def _consent(
        self, connection: AsyncConnection, incoming: _Incoming, kind: ConsentKind
    ) -> None:
        await self._consents.add_within(
            connection,
            NewConsent(
                customer_id=incoming.customer_id,
                channel=incoming.new.channel,
                address=incoming.new.address,
                kind=kind,
                at=incoming.received_at,
                source=Source.REPLY,
                event_id=incoming.event_id,
            ),
        )


async def _meaning(connection: AsyncConnection, incoming: _Incoming) -> Meaning:
    """A bare yes is a start from whoever opted out."""
    reading = incoming.new.reading
    if not reading.affirms:
        return reading.meaning
    asked = {"channel": incoming.new.channel, "digest": incoming.digest}
    return Meaning.START if await connection.scalar(_OPTED_OUT, asked) else Meaning.OTHER


async def _put(connection: AsyncConnection, incoming: _Incoming, meaning: Meaning) -> bool:
    values = {
        "channel": incoming.new.channel,
        "vendor_id": storable(incoming.new.vendor_id),
        "digest": incoming.digest,
        "customer_id": incoming.customer_id,
        "case_id": None if incoming.whose is None else incoming.whose["case_id"],
        "body": kept(incoming.new.body),
        "meaning": meaning,
        "received_at": incoming.received_at,
        "by": _BY_ITSELF,
    }
    return await connection.scalar(_PUT, values) is not None


async def _changed_before(connection: AsyncConnection, incoming: _Incoming) -> bool:
    return bool(await connection.scalar(_OBEYED, {"event_id": incoming.event_id}))


def kept(body: str) -> str:
    """What can be stored of words that a stranger wrote."""
    clean = body[:_LONGEST_BODY].encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _record(row: RowMapping) -> ReplyRecord:
    return ReplyRecord(
        id=row["id"],
        channel=ReplyChannel(row["channel"]),
        customer_id=row["customer_id"],
        invoice_id=row["invoice_id"],
        body=row["body"],
        meaning=Meaning(row["meaning"]),
        received_at=row["received_at"],
        handled_at=row["handled_at"],
        handled_by=row["handled_by"],
    )
