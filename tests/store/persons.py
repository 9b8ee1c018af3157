"""Who are the persons of these tests? Customers who leave a mark in every column they can."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import LargeBinary, Text, literal_column, select, text

from dunning.channel import Channel
from dunning.suppression import Reason, Source
from store.inbox import EventStatus, NewEvent
from store.reservations import Draft, Reserved
from store.suppressions import Closing
from store.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

    from store.cases import Cases
    from store.database import Database
    from store.inbox import Inbox
    from store.ledger import Ledger
    from store.suppressions import Suppressions
    from tests.store.conftest import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer of one invoice. `mark` and `phone` stand in no other person's data."""

    id: str
    mark: str
    phone: str

    @property
    def email(self) -> str:
        return f"{self.mark}@example.com"

    @property
    def invoice(self) -> str:
        return f"INV-{self.id}"

    @property
    def traces(self) -> tuple[str, ...]:
        return (self.mark, self.phone, self.phone.removeprefix("+"))


GRACE = Person(id="cus_1", mark="grâcemark", phone="+12125550123")
ADA = Person(id="cus_2", mark="adamark", phone="+12125550999")
_LEASE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The tables in which persons leave marks."""

    database: Database
    register: Register
    cases: Cases
    ledger: Ledger
    inbox: Inbox
    suppressions: Suppressions
    now: datetime

    async def live(self, person: Person) -> str:
        """Do with a person all that can be done; the id of a message that was sent to them."""
        await self._known(person)
        message_id = await self._written_to(person)
        await self._spoken_of(person)
        await self._heard(person, message_id)
        return message_id

    async def _known(self, person: Person) -> None:
        await self.register(
            person.invoice,
            description=f"Boat of {person.mark}",
            payment_url=f"https://shop.example/pay?who={person.mark}",
            payment_method_token=f"pm-{person.mark}",
            customer={
                "id": person.id,
                "name": f"Name {person.mark}",
                "email": person.email,
                "phone": person.phone,
                "sms_consent_at": self.now.isoformat(),
                "tags": [f"tag {person.mark}"],
                "value_tier": person.mark,
                "push_tokens": [f"device-{person.phone}"],
            },
            revtain={"transaction_ids": [f"tx-{person.id}"]},
        )
        statement = """
            UPDATE customers SET locale = :mark, timezone = :mark, country = :mark WHERE id = :id
        """
        await self.do(statement, mark=person.mark, id=person.id)
        handed = """
            INSERT INTO recoveries (
                key, invoice_id, card_country, card_prefix, fallback_tokens)
            VALUES (:invoice, :invoice, :mark, :mark, ARRAY['pm-2-' || :mark])
        """
        await self.do(handed, mark=person.mark, invoice=person.invoice)

    async def _written_to(self, person: Person) -> str:
        opening = (await self.cases.open_many([person.invoice], self.now))[person.invoice]
        draft = Draft(
            step="d4",
            channel=Channel.EMAIL,
            template="reminder",
            due_at=self.now,
            now=self.now,
            body_digest="digest",
            address=person.email,
            subject=f"Dear {person.mark}",
            text=f"Hello {person.mark}, call {person.phone}",
        )
        reserved = await self.ledger.reserve(opening.workflow_id, draft)
        assert isinstance(reserved, Reserved)
        await self.ledger.record_sent(
            reserved.message_id, provider_id=f"sg-{person.id}", occurred_at=self.now
        )
        return reserved.message_id

    async def _spoken_of(self, person: Person) -> None:
        await self.cases.add_note(
            person.invoice, author="operator", note=f"{person.mark} is in hospital"
        )
        closing = Closing(
            channel=Channel.EMAIL,
            address=person.email,
            reason=Reason.OPTED_OUT,
            source=Source.PAGE,
        )
        await self.suppressions.add(closing)
        values = {"mark": person.mark, "id": person.id, "invoice": person.invoice}
        digest = self.suppressions.digest(person.phone)
        consent = """
            INSERT INTO consents (customer_id, channel, address_digest, kind, at, source, proof)
            VALUES (:id, 'sms', :digest, 'given', clock_timestamp(), 'api', 'signed by ' || :mark),
                (NULL, 'sms', :digest, 'withdrawn', clock_timestamp(), 'reply', 'STOP ' || :mark)
        """
        await self.do(consent, **values, digest=digest)
        reply = """
            INSERT INTO replies (
                channel, vendor_id, address_digest, customer_id, case_id, body, meaning)
            SELECT 'sms', 'SM-' || :id, :digest, :id, id, 'I am ' || :mark, 'other'
            FROM cases WHERE invoice_id = :invoice
        """
        await self.do(reply, **values, digest=digest)

    async def _heard(self, person: Person, message_id: str) -> None:
        """Events in each form, of each sender, at each stage."""
        done = [
            self._revtain(person, "recovery.failed", f"tx-{person.id}"),
            self._vendor("sendgrid", {"email": person.email, "message_id": message_id}),
            self._vendor("sendgrid", {"email": person.email.upper()}),
            NewEvent(
                source="twilio",
                name="reply",
                body=urlencode({"From": person.phone, "Body": person.mark}).encode(),
            ),
        ]
        await self.inbox.put_many(done)
        for event in await self.inbox.claim(100, _LEASE):
            ours = event.transaction_id is not None
            await self.inbox.finish_many([(event.id, person.invoice if ours else None, "done")])
        waiting = [
            self._revtain(person, "recovery.success", f"tx-other-{person.id}"),
            self._vendor("twilio", {"To": person.phone, "said": person.mark}),
        ]
        await self.inbox.put_many(waiting)
        for event in await self.inbox.claim(100, _LEASE):
            await self.inbox.park(event.id, reason="no invoice")
        unreadable = NewEvent(
            source="twilio",
            name="",
            body=f"To={person.phone}&Body={person.mark}".encode(),
            status=EventStatus.UNREADABLE,
        )
        await self.inbox.put_many([unreadable])

    def _revtain(self, person: Person, name: str, transaction_id: str) -> NewEvent:
        said = {
            "event": name,
            "revtainTransactionId": transaction_id,
            "amount": "49.00",
            "customer": {"name": f"Name {person.mark}", "mail": [person.email.upper()]},
        }
        return NewEvent(
            source="revtain",
            name=name,
            body=json.dumps(said).encode(),
            transaction_id=transaction_id,
        )

    def _vendor(self, source: str, said: dict[str, str]) -> NewEvent:
        return NewEvent(source=source, name="report", body=json.dumps(said).encode())

    async def do(self, statement: str, **values: Any) -> None:
        async with self.database.single() as connection:
            await connection.execute(text(statement), values)

    async def marked(self, person: Person) -> dict[str, int]:
        """In how many rows each column of each table holds a trace of the person."""
        found: dict[str, int] = {}
        for table in METADATA.sorted_tables:
            for column in table.columns:
                count = await self._count(table, column, person)
                if count:
                    found[f"{table.name}.{column.name}"] = count
        return found

    async def _count(self, table: Table, column: Column[Any], person: Person) -> int:
        shown = f'"{column.name}"::text'
        if isinstance(column.type, LargeBinary):
            shown = f"encode(\"{column.name}\", 'escape')"
        forms = [form for trace in person.traces for form in _forms(trace)]
        async with self.database.single() as connection:
            rows = (
                await connection.scalars(select(literal_column(shown, Text)).select_from(table))
            ).all()
        return sum(any(form.lower() in (row or "").lower() for form in forms) for row in rows)

    async def everything(self) -> dict[str, list[str]]:
        """Every row of every table as a text."""
        found: dict[str, list[str]] = {}
        async with self.database.single() as connection:
            for table in METADATA.sorted_tables:
                whole = select(literal_column(f"{table.name}::text", Text)).select_from(table)
                found[table.name] = sorted(await connection.scalars(whole))
        return found


def _forms(trace: str) -> tuple[str, ...]:
    """As it is, as JSON and a form write it, and as PostgreSQL shows bytes."""
    escaped = json.dumps(trace)[1:-1]
    octal = "".join(chr(b) if b < 128 else f"\\{b:03o}" for b in trace.encode())
    return (trace, escaped, escaped.replace("\\", "\\\\"), urlencode({"": trace})[1:], octal)
