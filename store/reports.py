"""What did vendors report of the messages they took, and what follows from it?

A report moves its message, proves that an uncertain one was taken, and closes the address that it
names: all of it in one transaction, and never for a report on a copy that went to somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from dunning.channel import Channel
from dunning.delivery import CLOSURES, Delivery, Evidence, Known, furthest
from dunning.suppression import Reason, Scope, Source
from store import ledger_statements
from store.alerts import add_within
from store.foreign import storable
from store.message_records import MessageStatus
from store.suppressions import Closing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.delivery import Report
    from store.database import Database
    from store.suppressions import Suppressions

# A row that is merged into another shares its fate, so both are held. What the vendor calls the
# message may be written in several ways, of which the longest is meant.
_FIND = text("""
    SELECT m.id, m.status, m.provider_id, m.delivery, m.delivery_code, m.delivery_at,
        m.address_digest, u.email, u.phone, c.invoice_id, c.workflow_id, m.step,
        COALESCE(m.begun_at, m.reserved_at, clock_timestamp()) AS begun_at
    FROM messages m
    JOIN cases c ON c.id = m.case_id
    JOIN invoices i ON i.id = c.invoice_id
    JOIN customers u ON u.id = i.customer_id
    WHERE m.channel = :channel AND (m.id = CAST(:message_id AS text)
        OR m.merged_into IS NULL AND m.provider_id = ANY (CAST(:provider_ids AS text[])))
    ORDER BY m.id = CAST(:message_id AS text) DESC NULLS LAST, length(m.provider_id) DESC
    LIMIT 1 FOR UPDATE OF m
""")
_COMPANIONS = text("""
    SELECT c.workflow_id, m.step FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE m.merged_into = :id ORDER BY m.id FOR UPDATE OF m
""")
_KNOWN = text("SELECT EXISTS (SELECT FROM reports WHERE event_id = CAST(:event_id AS bigint))")
_KEEP = text("""
    INSERT INTO reports (message_id, status, code, at, event_id, applied)
    VALUES (:id, :status, :code, :at, CAST(:event_id AS bigint), :applied)
""")
_MOVE = text("""
    UPDATE messages SET
        delivery = :state, delivery_code = :code, delivery_at = :at, updated_at = clock_timestamp()
    WHERE id = :id OR merged_into = :id
""")
# Resolved as not sent by a person who could not know better: only then a planned message is known
# to its vendor.
_LEFT = text("""
    UPDATE messages SET
        status = 'sent', provider_id = :provider_id, reason = NULL,
        occurred_at = CAST(:occurred_at AS timestamptz),
        begun_at = CAST(:occurred_at AS timestamptz),
        reserved_at = CAST(:occurred_at AS timestamptz),
        requested_at = CAST(:occurred_at AS timestamptz),
        updated_at = clock_timestamp()
    WHERE id = :id AND status = 'planned'
""")
# What the vendor may still hear of. By the database's clock, like the reserve; the oldest first.
_OPEN = text("""
    SELECT id, provider_id FROM messages
    WHERE channel = :channel AND status = 'sent' AND merged_into IS NULL
    AND provider_id IS NOT NULL
    AND (delivery IS NULL OR delivery = ANY (CAST(:under_way AS text[])))
    AND reserved_at < statement_timestamp() - CAST(:older AS interval)
    AND reserved_at > statement_timestamp() - CAST(:younger AS interval)
    AND id > :after
    ORDER BY id LIMIT :limit
""")
_ADDRESSES = {Channel.EMAIL: "email", Channel.SMS: "phone"}
_UNCERTAIN = frozenset({MessageStatus.RESERVED, MessageStatus.UNKNOWN})
_GIVEN_UP = frozenset({MessageStatus.PLANNED, MessageStatus.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What became of a report. `told` are the runs that the message speaks for, with their steps.

    None are while the ledger does not hold it as sent. `proved` when it was uncertain before
    whether the vendor had the message, `was_unknown` when its case had given up on that, or a
    person had called it not sent; else a nudge is still under way. `applied` when it says more
    than was known, `copy` when it is about a copy that went to somebody else, `repeated` when the
    same event was filed before. `closed` when it closed the address that the message went to.
    """

    message_id: str
    invoice_id: str
    told: tuple[tuple[str, str], ...] = ()
    proved: bool = False
    was_unknown: bool = False
    applied: bool = False
    copy: bool = False
    repeated: bool = False
    closed: Reason | None = None
    lifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDelivery:
    """A message that its vendor took and has not said the last word on."""

    message_id: str
    provider_id: str


class Reports:
    """The reports of all vendors."""

    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    async def file(
        self, report: Report, *, event_id: int | None, received_at: datetime
    ) -> Filed | None:
        """File one report; None when no message is known that it could be about.

        The same event again changes nothing. `received_at` dates what the vendor does not date.
        """
        async with self._database.begin() as connection:
            row = await _find(connection, report)
            if row is None:
                return None
            await _warn(connection, report, received_at)
            filing = _Filing(
                connection=connection,
                suppressions=self._suppressions,
                row=row,
                report=report,
                event_id=event_id,
                at=report.at or received_at,
                received_at=received_at,
            )
            return await filing.carry_out()

    async def open_deliveries(
        self,
        channel: Channel,
        *,
        older: timedelta,
        younger: timedelta,
        after: str = "",
        limit: int = 100,
    ) -> list[OpenDelivery]:
        """Messages sent between these ages without a last word, from the next id on."""
        values = {
            "channel": channel,
            "under_way": [state.value for state in Delivery if not state.final],
            "older": older,
            "younger": younger,
            "after": after,
            "limit": limit,
        }
        async with self._database.single() as connection:
            found = await connection.execute(_OPEN, values)
            return [OpenDelivery(message_id=r.id, provider_id=r.provider_id) for r in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filing:
    """One report within its transaction, with the row that it is about."""

    connection: AsyncConnection
    suppressions: Suppressions
    row: RowMapping
    report: Report
    event_id: int | None
    at: datetime
    received_at: datetime

    @property
    def _said_at(self) -> datetime:
        """When it was said: a vendor's clock may be wrong, but nobody reports what is to come."""
        return min(self.at, self.received_at)

    async def carry_out(self) -> Filed:
        told = await self._told()
        proved = await self._prove()
        is_sent = proved or self.row["status"] == MessageStatus.SENT
        filed = Filed(
            message_id=self.row["id"],
            invoice_id=self.row["invoice_id"],
            told=told if is_sent else (),
            proved=proved,
            was_unknown=self.row["status"] in _GIVEN_UP and proved,
        )
        if not self._is_about_recipient():
            return replace(filed, copy=True)
        if await self._is_repeated():
            return replace(filed, repeated=True)
        known, applied = await self._move()
        closed, lifted = await self._judge(known)
        return replace(filed, applied=applied, closed=closed, lifted=lifted)

    async def _told(self) -> tuple[tuple[str, str], ...]:
        """The runs of this message and of those merged into it, whose rows are held from now on."""
        merged = await self.connection.execute(_COMPANIONS, {"id": self.row["id"]})
        own = (self.row["workflow_id"], self.row["step"])
        return (own, *((row.workflow_id, row.step) for row in merged))

    async def _prove(self) -> bool:
        """Whatever is reported of a message, its vendor has it."""
        is_named = self.row["id"] == self.report.message_id
        is_planned_again = self.row["status"] == MessageStatus.PLANNED and is_named
        if self.row["status"] not in _UNCERTAIN and not is_planned_again:
            return False
        values = {
            "id": self.row["id"],
            "provider_id": self.row["provider_id"] or storable(_first(self.report.provider_ids)),
            "occurred_at": self._said_at if is_planned_again else self.row["begun_at"],
        }
        statement = _LEFT if is_planned_again else ledger_statements.SENT
        await self.connection.execute(statement, values)
        return True

    def _is_about_recipient(self) -> bool:
        """Whether it went where the report says; a report without an address is on the message."""
        if self.report.address is None:
            return True
        went_to: str | None = self.row["address_digest"]
        if went_to is None:
            # Sent before digests were kept: then the customer's present address must do.
            present = self.row[_ADDRESSES[self.report.channel]] or ""
            went_to = self.suppressions.digest(present)
        return went_to == self.suppressions.digest(self.report.address)

    async def _is_repeated(self) -> bool:
        if self.event_id is None:
            return False
        found: bool | None = await self.connection.scalar(_KNOWN, {"event_id": self.event_id})
        return bool(found)

    async def _move(self) -> tuple[Known | None, bool]:
        """What is known of the message after the report, and whether the report changed it."""
        before = _known(self.row)
        if self.report.state is None:
            return before, False
        reported = Known(state=self.report.state, code=self.report.code, at=self.at)
        known = furthest(before, reported)
        applied = known is reported
        values = {
            "id": self.row["id"],
            "code": storable(reported.code),
            "at": reported.at,
            "event_id": self.event_id,
        }
        await self.connection.execute(
            _KEEP, {**values, "status": reported.state, "applied": applied}
        )
        if applied:
            await self.connection.execute(_MOVE, {**values, "state": reported.state})
        return known, applied

    async def _judge(self, known: Known | None) -> tuple[Reason | None, bool]:
        """For what the address is closed now, and whether it was opened again."""
        evidence, address = self.report.evidence, self.report.address
        if evidence is None or address is None or _is_outdated(evidence, known):
            return None, False
        channel, closure = self.report.channel, CLOSURES[evidence]
        if closure is None:
            lifted = await self.suppressions.lift_within(
                self.connection,
                channel,
                address,
                by=Source.REPORT,
                reasons=(Reason.OPTED_OUT,),
                scope=Scope.REMINDERS,
                before=self._said_at,
            )
            return None, lifted
        closing = Closing(
            channel=channel,
            address=address,
            reason=closure.reason,
            scope=closure.scope,
            source=Source.REPORT,
            event_id=self.event_id,
            expires_at=self.received_at + closure.lasts if closure.lasts else None,
            at=self._said_at,
        )
        added = await self.suppressions.add_within(self.connection, closing)
        return closure.reason if added else None, False


async def _warn(connection: AsyncConnection, report: Report, received_at: datetime) -> None:
    """Tell the team what to mend at the vendor: once a day, however many messages it concerns."""
    if report.mend is None:
        return
    code = report.code or ""
    alert = Alert(
        kind=AlertKind.CONFIGURATION,
        subject=report.channel,
        detail={"code": code, "reason": report.mend},
        identity=f"{report.channel} {code} {received_at:%Y-%m-%d}",
    )
    await add_within(connection, alert)


async def _find(connection: AsyncConnection, report: Report) -> RowMapping | None:
    values = {
        "channel": report.channel,
        "message_id": storable(report.message_id),
        "provider_ids": [storable(provider_id) for provider_id in report.provider_ids],
    }
    return (await connection.execute(_FIND, values)).mappings().one_or_none()


def _known(row: RowMapping) -> Known | None:
    if row["delivery"] is None:
        return None
    return Known(state=Delivery(row["delivery"]), code=row["delivery_code"], at=row["delivery_at"])


def _is_outdated(evidence: Evidence, known: Known | None) -> bool:
    """Whether the reader has decided otherwise since: such reports come in any order."""
    later = {
        Evidence.UNSUBSCRIBED: Delivery.RESUBSCRIBED,
        Evidence.RESUBSCRIBED: Delivery.UNSUBSCRIBED,
    }
    return known is not None and later.get(evidence) is known.state


def _first(provider_ids: Sequence[str]) -> str | None:
    return next(iter(provider_ids), None)
