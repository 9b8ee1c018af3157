"""Where does the merchant want to hear of events, and with which secrets are they signed?

Secrets are derived from the secret key and the salts of an endpoint, so none is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dunning.outgoing import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import RowMapping

    from store.database import Database

PREFIX = "whsec_"

_ADD = text("""
    INSERT INTO endpoints (id, url, kinds, note, salt)
    VALUES (:id, :url, CAST(:kinds AS text[]), :note, :salt) RETURNING *
""")
_ALL = text("SELECT * FROM endpoints ORDER BY created_at, id")
_GET = text("SELECT * FROM endpoints WHERE id = :id")
_SALTS = text("""
    SELECT salt, CASE WHEN earlier_until > clock_timestamp() THEN earlier_salts ELSE '{}' END
        AS earlier
    FROM endpoints WHERE id = :id
""")
# A second change within the day keeps what the first one replaced: a receiver may still use it.
_ROTATE = text("""
    UPDATE endpoints SET
        salt = :salt,
        earlier_salts = CASE
            WHEN CAST(:at_once AS boolean) THEN '{}'
            WHEN earlier_until > clock_timestamp() THEN salt || earlier_salts
            ELSE ARRAY[salt] END,
        earlier_until = clock_timestamp() + interval '24 hours'
    WHERE id = :id RETURNING id
""")
_REMOVE = text("DELETE FROM endpoints WHERE id = :id RETURNING id")
_ENABLE = text("""
    UPDATE endpoints SET disabled_at = NULL, disabled_why = NULL, held_until = NULL
    WHERE id = :id RETURNING id
""")
_DISABLE = text("""
    UPDATE endpoints SET disabled_at = clock_timestamp(), disabled_why = :why
    WHERE id = :id AND disabled_at IS NULL RETURNING id
""")
# Replayed by a person, if at all: nobody would send them while the endpoint is disabled.
_BURY = text("""
    UPDATE outgoing SET status = 'dead', leased_until = NULL, last_fault = :why
    WHERE endpoint_id = :id AND status = 'due'
""")
_HOLD = text("""
    UPDATE endpoints SET
        held_until = GREATEST(held_until, clock_timestamp() + CAST(:wait AS interval))
    WHERE id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address of the merchant's; without `kinds` it gets all that need not be named."""

    id: str
    url: str
    kinds: tuple[Kind, ...] | None
    note: str | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None


class Endpoints:
    """The merchant's endpoints; their secrets are told when they are made, and never shown."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key

    async def add(
        self, url: str, *, kinds: Sequence[Kind] = (), note: str | None = None
    ) -> tuple[Endpoint, str]:
        """Send events there from now on; the endpoint, and its secret."""
        salt = _salt()
        values = {
            "id": f"ep_{secrets.token_hex(8)}",
            "url": url,
            "kinds": [kind.value for kind in dict.fromkeys(kinds)] or None,
            "note": note,
            "salt": salt,
        }
        async with self._database.single() as connection:
            row = (await connection.execute(_ADD, values)).mappings().one()
        return _endpoint(row), self._secret(salt)

    async def all(self) -> list[Endpoint]:
        """All endpoints, oldest first."""
        async with self._database.single() as connection:
            return [_endpoint(row) for row in (await connection.execute(_ALL)).mappings()]

    async def get(self, endpoint_id: str) -> Endpoint | None:
        """One endpoint."""
        async with self._database.single() as connection:
            found = await connection.execute(_GET, {"id": endpoint_id})
            row = found.mappings().one_or_none()
        return None if row is None else _endpoint(row)

    async def secrets(self, endpoint_id: str) -> list[str]:
        """All that sign now, the newest first; none for an unknown endpoint."""
        async with self._database.single() as connection:
            row = (await connection.execute(_SALTS, {"id": endpoint_id})).one_or_none()
        return [] if row is None else [self._secret(salt) for salt in (row.salt, *row.earlier)]

    def secrets_of(self, salts: Sequence[str]) -> list[str]:
        """The secrets that these salts stand for."""
        return [self._secret(salt) for salt in salts]

    async def rotate(self, endpoint_id: str, *, at_once: bool = False) -> str | None:
        """A new secret; the old one signs beside it for a day, unless it has to go `at_once`."""
        salt = _salt()
        values = {"id": endpoint_id, "salt": salt, "at_once": at_once}
        async with self._database.single() as connection:
            found = await connection.scalar(_ROTATE, values)
        return None if found is None else self._secret(salt)

    async def remove(self, endpoint_id: str) -> bool:
        """Forget an endpoint with all its events; False if there is none."""
        async with self._database.single() as connection:
            return await connection.scalar(_REMOVE, {"id": endpoint_id}) is not None

    async def enable(self, endpoint_id: str) -> bool:
        """Send to a disabled endpoint again, from now on; False if there is none."""
        async with self._database.single() as connection:
            return await connection.scalar(_ENABLE, {"id": endpoint_id}) is not None

    async def disable(self, endpoint_id: str, why: str) -> int | None:
        """Send nothing there any more; how many events died of it, None if it was so before."""
        async with self._database.begin() as connection:
            if await connection.scalar(_DISABLE, {"id": endpoint_id, "why": why}) is None:
                return None
            return (await connection.execute(_BURY, {"id": endpoint_id, "why": why})).rowcount

    async def hold(self, endpoint_id: str, wait: timedelta) -> None:
        """Leave an endpoint alone for as long as it asks."""
        async with self._database.single() as connection:
            await connection.execute(_HOLD, {"id": endpoint_id, "wait": wait})

    def _secret(self, salt: str) -> str:
        derived = hmac.new(self._key, salt.encode(), hashlib.sha256).digest()
        return PREFIX + base64.b64encode(derived).decode()


def _salt() -> str:
    return secrets.token_hex(16)


def _endpoint(row: RowMapping) -> Endpoint:
    values: dict[str, Any] = {one.name: row[one.name] for one in fields(Endpoint)}
    if values["kinds"] is not None:
        values["kinds"] = tuple(Kind(kind) for kind in values["kinds"])
    return Endpoint(**values)
