"""Which payments is Revtain to be asked about, and what did it answer last?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.states import State
from store.foreign import storable
from store.inbox import wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.recovery import LastAnswer
    from store.database import Database

# A key is asked about until Revtain names its transaction, which then is asked about; not so one
# under which nothing was asked for.
_REFERENCES = """
    SELECT 'transaction' AS kind, t.transaction_id AS reference, t.invoice_id, t.asked_at,
        t.asked_until, EXISTS (
            SELECT FROM events e WHERE e.invoice_id = t.invoice_id
            AND e.transaction_id = t.transaction_id
            AND e.name IN ('recovery.failed', 'recovery.blocked')
        ) AS told
    FROM transactions t
    UNION ALL
    SELECT 'key', k.key, k.invoice_id, k.asked_at, k.asked_until, false
    FROM idempotency_keys k WHERE k.transaction_id IS NULL
    AND NOT EXISTS (SELECT FROM charges c WHERE c.key = k.key AND c.status = 'planned')
"""
_DUE = text(f"""
    WITH waiting AS (
        SELECT invoice_id, state, next_at, COALESCE(viewed_at, opened_at) AS word,
            CAST(:now AS timestamptz) - COALESCE(viewed_at, opened_at) AS silence
        FROM cases WHERE closed_at IS NULL AND (state IN ('watching', 'retrying')
            OR (state = 'review' AND review_reason IN ('watch_over', 'retry_over')))
    ), timed AS (
        SELECT invoice_id, state, next_at <= CAST(:now AS timestamptz) + interval '1 hour' AS last,
            GREATEST(
                CASE WHEN silence >= interval '6 hours' THEN word + interval '6 hours'
                        + floor(extract(epoch FROM silence - interval '6 hours') / 86400)
                        * interval '24 hours'
                    WHEN silence >= interval '1 hour' THEN word + interval '1 hour' END,
                CASE WHEN next_at <= CAST(:now AS timestamptz) + interval '1 hour'
                    THEN next_at - interval '1 hour' END) AS due
        FROM waiting
    )
    SELECT r.kind, r.reference, r.invoice_id, r.asked_at, r.told, c.state,
        COALESCE(c.last, false) AS last
    FROM timed c CROSS JOIN LATERAL (SELECT * FROM ({_REFERENCES}) AS r
        WHERE r.invoice_id = c.invoice_id) AS r
    WHERE c.due > COALESCE(r.asked_at, '-infinity')
    AND (r.asked_until IS NULL OR r.asked_until <= clock_timestamp())
    ORDER BY c.last DESC NULLS LAST, c.due, r.kind, r.reference LIMIT :limit
""")  # noqa: S608 (a constant of this file)
# First whoever may be written to; what was given up long ago comes last.
_MISSED = f"""
    SELECT r.kind, r.reference, r.invoice_id, r.asked_at, r.told, c.state, false AS last,
        CASE WHEN c.state IS NULL THEN 1 WHEN c.state = 'closed' THEN 2 ELSE 0 END AS rank
    FROM ({_REFERENCES}) AS r
    JOIN invoices i ON i.id = r.invoice_id
    LEFT JOIN LATERAL (
        SELECT state FROM cases WHERE invoice_id = i.id ORDER BY cycle DESC LIMIT 1) AS c ON true
    WHERE (i.status = 'open' OR c.state <> 'closed')
    AND (r.asked_at IS NULL OR r.asked_at < CAST(:began AS timestamptz))
    AND NOT EXISTS (
        SELECT FROM events e WHERE e.transaction_id = r.reference AND r.kind = 'transaction'
        AND (e.invoice_id = r.invoice_id OR e.status IN ('pending', 'parked'))
        AND (e.name = 'recovery.success'
            OR (e.name IN ('recovery.failed', 'recovery.blocked')
                AND e.received_at >= CAST(:since AS timestamptz))))
"""  # noqa: S608 (a constant of this file)
_MISSED_PAGE = text(f"""
    SELECT * FROM ({_MISSED}) AS missed
    WHERE (rank, kind, reference) > (:rank, :kind, :reference)
    ORDER BY rank, kind, reference LIMIT :limit
""")  # noqa: S608 (a constant of this file)
_MISSED_COUNT = text(f"SELECT count(*) FROM ({_MISSED}) AS missed")  # noqa: S608 (likewise)
_PLACES = {
    "transaction": "transactions SET {} WHERE transaction_id = :reference",
    "key": "idempotency_keys SET {} WHERE key = :reference",
}
_CLAIM = {
    kind: text(
        "UPDATE "
        + place.format("asked_until = clock_timestamp() + interval '2 minutes'")
        + " AND asked_at IS NOT DISTINCT FROM CAST(:asked_at AS timestamptz)"
        " AND (asked_until IS NULL OR asked_until <= clock_timestamp())"
    )
    for kind, place in _PLACES.items()
}
_RELEASE = {k: text("UPDATE " + place.format("asked_until = NULL")) for k, place in _PLACES.items()}
_ANSWERED = {
    kind: text(
        "UPDATE "
        + place.format("asked_until = NULL, asked_at = CAST(:now AS timestamptz), answer = :answer")
    )
    for kind, place in _PLACES.items()
}
_LEARN = text("""
    WITH named AS (
        UPDATE idempotency_keys SET transaction_id = :transaction_id WHERE key = :key
        RETURNING invoice_id, card_digest
    )
    INSERT INTO transactions (transaction_id, invoice_id, card_digest)
    SELECT :transaction_id, invoice_id, card_digest FROM named
    ON CONFLICT DO NOTHING RETURNING transaction_id
""")
_KNOWS = text("SELECT EXISTS (SELECT FROM transactions WHERE transaction_id = :transaction_id)")


class Kind(StrEnum):
    """By what a payment is named."""

    TRANSACTION = "transaction"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A payment to ask about.

    `state` is that of the invoice's latest case, `told` whether an event has told a failure of
    this transaction, `last` whether the case's deadline is near.
    """

    kind: Kind
    reference: str
    invoice_id: str
    asked_at: datetime | None
    told: bool
    state: State | None
    last: bool
    rank: int = 0


class Questions:
    """What is to be asked, and the record of the answers. Instants are those of the cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int) -> list[Question]:
        """Of cases that wait for Revtain, those about which a question is due.

        That is 1 hour and 6 hours after the last word, daily from then on, and once in the hour
        before the deadline.
        """
        async with self._database.single() as connection:
            found = await connection.execute(_DUE, {"now": now, "limit": limit})
            return [_question(row) for row in found]

    async def missed(
        self, *, since: datetime, began: datetime, after: Question | None, limit: int
    ) -> Sequence[Question]:
        """Of what is owed and had no last word since `since`, and was not asked since `began`."""
        values = {
            "since": since,
            "began": began,
            "rank": after.rank if after else -1,
            "kind": after.kind if after else "",
            "reference": after.reference if after else "",
            "limit": limit,
        }
        async with self._database.single() as connection:
            return [_question(row) for row in await connection.execute(_MISSED_PAGE, values)]

    async def count_missed(self, *, since: datetime, began: datetime) -> int:
        """How many these are."""
        async with self._database.single() as connection:
            found = await connection.execute(_MISSED_COUNT, {"since": since, "began": began})
            return int(found.scalar_one())

    async def claim(self, question: Question) -> bool:
        """Take it for two minutes; False when another process has it, or has asked meanwhile."""
        values = {"reference": question.reference, "asked_at": question.asked_at}
        async with self._database.single() as connection:
            return bool((await connection.execute(_CLAIM[question.kind], values)).rowcount)

    async def release(self, question: Question) -> None:
        """No answer came; anybody may ask again."""
        async with self._database.single() as connection:
            await connection.execute(_RELEASE[question.kind], {"reference": question.reference})

    async def answered(self, question: Question, answer: LastAnswer, now: datetime) -> None:
        """Keep what was answered, and when."""
        values = {"reference": question.reference, "answer": answer, "now": now}
        async with self._database.single() as connection:
            await connection.execute(_ANSWERED[question.kind], values)

    async def knows(self, transaction_id: str) -> bool:
        """Whether an invoice is registered for it."""
        async with self._database.single() as connection:
            found = await connection.scalar(_KNOWS, {"transaction_id": storable(transaction_id)})
            return bool(found)

    async def learn(self, key: str, transaction_id: str) -> bool:
        """Keep which transaction a key belongs to; False when it was known anyway.

        Events about it that nobody could place are due at once.
        """
        async with self._database.begin() as connection:
            return await learn_within(connection, key, transaction_id)


async def learn_within(connection: AsyncConnection, key: str, transaction_id: str) -> bool:
    """The same within the caller's transaction."""
    known = storable(transaction_id)
    values = {"key": key, "transaction_id": known}
    new = (await connection.execute(_LEARN, values)).one_or_none() is not None
    if new:
        await wake(connection, transaction_ids=[known])
    return new


def _question(row: Row[Any]) -> Question:
    return Question(
        kind=Kind(row.kind),
        reference=row.reference,
        invoice_id=row.invoice_id,
        asked_at=row.asked_at,
        told=row.told,
        state=None if row.state is None else State(row.state),
        last=row.last,
        rank=getattr(row, "rank", 0),
    )
