"""Which failed payments were handed over to us, and what has come of each?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.alert import Alert, AlertKind
from dunning.directory import InvoiceStatus
from dunning.handover import Gateway, Handover, HandoverStatus, key_of
from store import invoices
from store.alerts import add_within
from store.inbox import put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database
    from store.inbox import NewEvent

# After this, whoever has it has died.
LEASE = timedelta(minutes=2)
# For longer no payment waits at the recovery service.
_LONGEST_QUEUE = timedelta(days=45)
_COLUMNS = """
    r.key, r.invoice_id, r.decline_code, r.gateway, r.card_country, r.card_prefix,
    r.fallback_tokens, r.simulate, r.status, r.transaction_id, r.answered_code, r.reason,
    r.due_at, r.requested_at, r.leased_until > clock_timestamp() IS TRUE AS at_work
"""
_GET = text(f"SELECT {_COLUMNS} FROM recoveries r WHERE r.key = :key")  # noqa: S608 (a constant of this file)
_SAME = text(f"""
    SELECT {_COLUMNS} FROM recoveries r
    WHERE r.key = CAST(:key AS text) OR r.request_id = CAST(:request_id AS text)
    ORDER BY r.request_id = CAST(:request_id AS text) DESC NULLS LAST LIMIT 1
""")  # noqa: S608 (likewise)
# What was queued is over once a failure of its transaction was heard of.
_OPEN = f"""
    SELECT {_COLUMNS} FROM recoveries r JOIN invoices i ON i.id = r.invoice_id
    WHERE r.status = 'scheduled' OR (
        r.status IN ('queued', 'unknown') AND i.status = 'open'
        AND r.answered_at > clock_timestamp() - CAST(:longest AS interval)
        AND NOT EXISTS (
            SELECT FROM events e WHERE e.invoice_id = r.invoice_id
            AND e.name IN ('recovery.failed', 'recovery.blocked')
            AND e.transaction_id = COALESCE(r.transaction_id, (
                SELECT k.transaction_id FROM idempotency_keys k WHERE k.key = r.key))))
"""  # noqa: S608 (likewise)
_ALL_OPEN = text(f"SELECT * FROM ({_OPEN}) AS o ORDER BY requested_at, key LIMIT :limit")  # noqa: S608 (likewise)
_OPEN_OF = text(f"SELECT * FROM ({_OPEN}) AS o WHERE invoice_id = :id ORDER BY key LIMIT 1")  # noqa: S608 (likewise)
_COUNT = text("SELECT count(*) FROM recoveries WHERE invoice_id = :id")
_ADD = text(f"""
    INSERT INTO recoveries AS r (
        key, invoice_id, request_id, decline_code, gateway, card_country, card_prefix,
        fallback_tokens, simulate, requested_at, due_at, leased_until)
    VALUES (
        :key, :invoice_id, :request_id, :decline_code, :gateway, :card_country, :card_prefix,
        CAST(:fallback_tokens AS text[]), :simulate, CAST(:now AS timestamptz),
        CAST(:now AS timestamptz), clock_timestamp() + CAST(:lease AS interval))
    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
""")  # noqa: S608 (likewise)
_CLAIM = text(f"""
    WITH due AS MATERIALIZED (
        SELECT key FROM recoveries
        WHERE due_at <= CAST(:now AS timestamptz)
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        ORDER BY due_at, key LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE recoveries AS r SET leased_until = clock_timestamp() + CAST(:lease AS interval)
    FROM due WHERE r.key = due.key RETURNING {_COLUMNS}
""")  # noqa: S608 (likewise)
_PUT_OFF = text(f"""
    UPDATE recoveries AS r SET
        due_at = CAST(:until AS timestamptz), leased_until = NULL, reason = :reason
    WHERE r.key = :key AND r.status = 'scheduled' RETURNING {_COLUMNS}
""")  # noqa: S608 (likewise)
# What the attempt alone needed of a person is forgotten with its answer.
_CONCLUDE = text(f"""
    UPDATE recoveries AS r SET
        status = :status, transaction_id = :transaction_id, answered_code = :answered_code,
        reason = :reason, due_at = CAST(:due_at AS timestamptz), leased_until = NULL,
        answered_at = clock_timestamp(), card_country = NULL, card_prefix = NULL,
        fallback_tokens = '{{}}'
    WHERE r.key = :key AND r.status = 'scheduled' RETURNING {_COLUMNS}
""")  # noqa: S608 (likewise)
# What it was told to wait for may be an earlier charge of the invoice.
_FOLLOW = text("""
    UPDATE recoveries r SET
        status = CASE WHEN c.outcome = 'blocked' AND c.advice IS DISTINCT FROM 'blocked'
            THEN 'failed' ELSE c.outcome END,
        transaction_id = COALESCE(r.transaction_id, c.transaction_id),
        answered_code = COALESCE(c.answered_code, r.answered_code),
        answered_at = clock_timestamp()
    FROM charges c
    WHERE r.status IN ('queued', 'unknown') AND c.invoice_id = r.invoice_id
    AND (c.key = r.key OR c.transaction_id = r.transaction_id)
    AND c.outcome IN ('recovered', 'failed', 'blocked')
    AND r.invoice_id = COALESCE(CAST(:invoice_id AS text), r.invoice_id)
""")
_LEFT = text("UPDATE recoveries SET due_at = NULL, leased_until = NULL WHERE key = :key")
_TOLD = text("""
    SELECT EXISTS (
        SELECT FROM events e
        WHERE e.name IN ('recovery.failed', 'recovery.blocked', 'recovery.success') AND (
            e.idempotency_key = :key OR e.transaction_id = CAST(:transaction_id AS text)))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One payment that was handed over. `due_at` is when it is tried, or looked at, next.

    `at_work` means that somebody tries it at this moment.
    """

    key: str
    invoice_id: str
    handed: Handover = field(repr=False)
    status: HandoverStatus
    transaction_id: str | None
    answered_code: str | None
    reason: str | None
    due_at: datetime | None
    requested_at: datetime
    at_work: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What an attempt came to. `due_at` is when somebody is to look at it once more.

    What is `alarming` is told to the team.
    """

    status: HandoverStatus
    transaction_id: str | None = None
    answered_code: str | None = None
    reason: str | None = None
    due_at: datetime | None = None
    alarming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A recovery, and whether it is ours to try now.

    Without one nothing was begun: `status` is that of the invoice, None for an unknown one, and
    `other` the recovery that is under way.
    """

    recovery: Recovery | None = None
    ours: bool = False
    status: InvoiceStatus | None = None
    other: Recovery | None = None


class Recoveries:
    """The payments that were handed over; who tries one has it until the lease ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def same(self, key: str | None, request_id: str | None) -> Recovery | None:
        """The recovery that has this key, or was asked for by this request."""
        values = {"key": key, "request_id": request_id}
        async with self._database.single() as connection:
            row = (await connection.execute(_SAME, values)).one_or_none()
            return None if row is None else _recovery(row)

    async def get(self, key: str) -> Recovery | None:
        """One recovery."""
        async with self._database.single() as connection:
            row = (await connection.execute(_GET, {"key": key})).one_or_none()
            return None if row is None else _recovery(row)

    async def under_way(self, invoice_id: str) -> Recovery | None:
        """The recovery of an invoice whose last word is still to come."""
        async with self._database.single() as connection:
            return await _open_of(connection, invoice_id)

    async def begin(
        self, invoice_id: str, handed: Handover, request_id: str | None, now: datetime
    ) -> Begun:
        """Write a recovery down before anything is tried; the same one again is not ours."""
        async with self._database.begin() as connection:
            row = await invoices.lock(connection, invoice_id)
            same = await _same(connection, handed.key, request_id)
            if same is not None:
                return Begun(recovery=same)
            status = None if row is None else InvoiceStatus(row.status)
            if status is not InvoiceStatus.OPEN:
                return Begun(status=status)
            other = await _open_of(connection, invoice_id)
            if other is not None:
                return Begun(status=status, other=other)
            return await _add(connection, invoice_id, handed, request_id, now)

    async def claim(self, now: datetime, limit: int) -> list[Recovery]:
        """Take what is due, the earliest first; nobody else gets it before the lease ends."""
        values = {"now": now, "limit": limit, "lease": LEASE}
        async with self._database.single() as connection:
            found = [_recovery(row) for row in await connection.execute(_CLAIM, values)]
        return sorted(found, key=lambda one: (one.due_at or now, one.key))

    async def put_off(self, key: str, until: datetime, reason: str) -> Recovery | None:
        """Try it again at `until`; None for one that has its answer."""
        values = {"key": key, "until": until, "reason": reason}
        async with self._database.single() as connection:
            row = (await connection.execute(_PUT_OFF, values)).one_or_none()
            return None if row is None else _recovery(row)

    async def conclude(
        self, key: str, conclusion: Conclusion, events: Sequence[NewEvent] = ()
    ) -> Recovery | None:
        """Keep what it came to, and tell it; None for one that has its answer already."""
        values = {
            "key": key,
            "status": conclusion.status,
            "transaction_id": conclusion.transaction_id,
            "answered_code": conclusion.answered_code,
            "reason": conclusion.reason,
            "due_at": conclusion.due_at,
        }
        async with self._database.begin() as connection:
            row = (await connection.execute(_CONCLUDE, values)).one_or_none()
            if row is None:
                return None
            if events:
                await put(connection, events)
            if conclusion.alarming:
                await add_within(connection, _alert(row))
            return _recovery(row)

    async def follow(self, invoice_id: str | None = None) -> int:
        """Take the ends of their charges over, of one invoice or of all."""
        async with self._database.single() as connection:
            values = {"invoice_id": invoice_id}
            return (await connection.execute(_FOLLOW, values)).rowcount

    async def leave(self, recovery: Recovery, events: Sequence[NewEvent] = ()) -> None:
        """Nobody needs to look at it any more; what is told goes along."""
        async with self._database.begin() as connection:
            await connection.execute(_LEFT, {"key": recovery.key})
            if events:
                await put(connection, events)

    async def told(self, recovery: Recovery) -> bool:
        """Whether the recovery service has said anything of it by itself."""
        values = {"key": recovery.key, "transaction_id": recovery.transaction_id}
        async with self._database.single() as connection:
            return bool(await connection.scalar(_TOLD, values))

    async def open(self, limit: int = 100) -> list[Recovery]:
        """Those whose last word is still to come, the oldest first."""
        values = {"longest": _LONGEST_QUEUE, "limit": limit}
        async with self._database.single() as connection:
            return [_recovery(row) for row in await connection.execute(_ALL_OPEN, values)]


async def _same(
    connection: AsyncConnection, key: str | None, request_id: str | None
) -> Recovery | None:
    values = {"key": key, "request_id": request_id}
    row = (await connection.execute(_SAME, values)).one_or_none()
    return None if row is None else _recovery(row)


async def _open_of(connection: AsyncConnection, invoice_id: str) -> Recovery | None:
    values = {"id": invoice_id, "longest": _LONGEST_QUEUE}
    row = (await connection.execute(_OPEN_OF, values)).one_or_none()
    return None if row is None else _recovery(row)


async def _add(
    connection: AsyncConnection,
    invoice_id: str,
    handed: Handover,
    request_id: str | None,
    now: datetime,
) -> Begun:
    earlier = await connection.scalar(_COUNT, {"id": invoice_id}) or 0
    values: dict[str, Any] = {
        "key": handed.key or key_of(invoice_id, earlier + 1),
        "invoice_id": invoice_id,
        "request_id": request_id,
        "decline_code": handed.decline_code,
        "gateway": handed.gateway,
        "card_country": handed.card_country,
        "card_prefix": handed.card_prefix,
        "fallback_tokens": list(handed.fallback_tokens),
        "simulate": handed.simulate,
        "now": now,
        "lease": LEASE,
    }
    row = (await connection.execute(_ADD, values)).one_or_none()
    if row is not None:
        return Begun(recovery=_recovery(row), ours=True)
    # Another invoice took the key at this very moment.
    return Begun(recovery=await _same(connection, values["key"], request_id))


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        kind=AlertKind.CHARGE_REFUSED,
        subject=row.invoice_id,
        detail={} if row.reason is None else {"reason": row.reason},
        identity=row.key,
    )


def _recovery(row: Row[Any]) -> Recovery:
    handed = Handover(
        key=row.key,
        decline_code=row.decline_code,
        gateway=None if row.gateway is None else Gateway(row.gateway),
        card_country=row.card_country,
        card_prefix=row.card_prefix,
        fallback_tokens=tuple(row.fallback_tokens),
        simulate=row.simulate,
    )
    return Recovery(
        key=row.key,
        invoice_id=row.invoice_id,
        handed=handed,
        status=HandoverStatus(row.status),
        transaction_id=row.transaction_id,
        answered_code=row.answered_code,
        reason=row.reason,
        due_at=row.due_at,
        requested_at=row.requested_at,
        at_work=row.at_work,
    )
