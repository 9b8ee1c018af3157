"""What is the proof of a customer's consent? Entries are added, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.channel import Channel
from dunning.consent import Consent, ConsentKind
from dunning.suppression import Source
from store.digest import address_digest

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from store.database import Database

REGISTRATION = "registration"

_ADD = text("""
    INSERT INTO consents (customer_id, channel, address_digest, kind, at, source, proof, event_id)
    VALUES (
        :customer_id, :channel, :digest, :kind,
        COALESCE(CAST(:at AS timestamptz), clock_timestamp()), :source, :proof,
        CAST(:event_id AS bigint))
""")
_OF_CUSTOMER = text("SELECT phone, sms_consent_at FROM customers WHERE id = :id")
_REGISTER = text("""
    INSERT INTO consents (customer_id, channel, address_digest, kind, at, source, proof)
    SELECT :customer_id, 'sms', :digest, 'given', CAST(:at AS timestamptz), :source, :proof
    WHERE NOT EXISTS (
        SELECT FROM consents WHERE customer_id = :customer_id AND channel = 'sms'
        AND address_digest = :digest AND kind = 'given' AND at = CAST(:at AS timestamptz))
""")
# What the merchant takes back by null was last given, or was restored after a withdrawal.
_DEREGISTER = text("""
    INSERT INTO consents (customer_id, channel, address_digest, kind, at, source, proof)
    SELECT customer_id, channel, address_digest, 'withdrawn', clock_timestamp(), :source, :proof
    FROM (
        SELECT * FROM consents WHERE customer_id = :customer_id AND channel = 'sms'
        ORDER BY id DESC LIMIT 1
    ) AS latest WHERE kind <> 'withdrawn'
""")
_HISTORY = text("""
    SELECT channel, kind, at, source, proof, recorded_at FROM consents
    WHERE customer_id = :customer_id
    OR (channel = 'sms' AND address_digest = :digest AND customer_id IS NULL)
    ORDER BY id
""")
# A stop by the customer's own word, since which no consent was given and none restored.
_STOP_HOLDS = text("""
    WITH stops AS (
        SELECT at, id FROM consents
        WHERE channel = :channel AND address_digest = :digest
        AND kind = 'withdrawn' AND source = ANY (CAST(:own AS text[]))
        AND NOT EXISTS (
            SELECT FROM consents AS later WHERE later.channel = consents.channel
            AND later.address_digest = consents.address_digest
            AND later.kind = 'restored' AND later.id > consents.id)
        UNION ALL
        SELECT created_at, NULL FROM suppressions
        WHERE channel = :channel AND address_digest = :digest AND reason = 'opted_out'
        AND lifted_at IS NULL AND source = ANY (CAST(:own AS text[]))
    )
    SELECT EXISTS (SELECT FROM stops) AND NOT EXISTS (
        SELECT FROM consents WHERE channel = :channel AND address_digest = :digest
        AND kind = 'given' AND at > (SELECT max(at) FROM stops))
""")
# Who speaks for the customer; all other sources are the customer's own word.
_OWN = [s.value for s in Source if s not in (Source.API, Source.OPERATOR)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """An entry to be added; without `at` it happened now."""

    channel: Channel
    address: str
    kind: ConsentKind
    source: str
    customer_id: str | None = None
    at: datetime | None = None
    proof: str | None = None
    event_id: int | None = None


class Consents:
    """The entries of all customers, found by customer or by address."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def add_within(self, connection: AsyncConnection, new: NewConsent) -> None:
        """Add an entry within the caller's transaction."""
        values = {
            "customer_id": new.customer_id,
            "channel": new.channel,
            "digest": address_digest(self._token_key, new.address),
            "kind": new.kind,
            "at": new.at,
            "source": new.source,
            "proof": new.proof,
            "event_id": new.event_id,
        }
        await connection.execute(_ADD, values)

    async def history(self, customer_id: str, phone: str | None) -> list[Consent]:
        """All that is known of a customer, the oldest first.

        What was said by their present number before anybody was known to have it counts too.
        """
        digest = None if phone is None else address_digest(self._token_key, phone)
        values = {"customer_id": customer_id, "digest": digest}
        async with self._database.single() as connection:
            rows = (await connection.execute(_HISTORY, values)).mappings()
            return [_consent(row) for row in rows]

    async def stop_holds(self, connection: AsyncConnection, channel: Channel, address: str) -> bool:
        """Whether the customer stopped by their own word, and no consent was given since."""
        digest = address_digest(self._token_key, address)
        values = {"channel": channel, "digest": digest, "own": _OWN}
        return bool(await connection.scalar(_STOP_HOLDS, values))


async def register(
    connection: AsyncConnection, key: bytes, customer_id: str, proof: str | None
) -> bool:
    """Record the consent to texts that a customer now has, unless that is recorded already.

    It belongs to the number that it was given with; without a number there is nothing to record.
    """
    found = await connection.execute(_OF_CUSTOMER, {"id": customer_id})
    row = found.mappings().one()
    values = {"customer_id": customer_id, "source": REGISTRATION, "proof": proof}
    if row["sms_consent_at"] is None:
        return bool((await connection.execute(_DEREGISTER, values)).rowcount)
    if row["phone"] is None:
        return False
    values |= {"digest": address_digest(key, row["phone"]), "at": row["sms_consent_at"]}
    return bool((await connection.execute(_REGISTER, values)).rowcount)


def _consent(row: RowMapping) -> Consent:
    return Consent(
        channel=Channel(row["channel"]),
        kind=ConsentKind(row["kind"]),
        at=row["at"],
        source=row["source"],
        proof=row["proof"],
        recorded_at=row["recorded_at"],
    )
