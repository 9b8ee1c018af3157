"""Which API keys may call us, and for what?"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from store.database import Database

PREFIX = "dk_"

_ADD = text("""
    INSERT INTO api_keys (name, digest, scopes)
    VALUES (:name, :digest, CAST(:scopes AS text[])) ON CONFLICT (name) DO NOTHING
""")
_FIND = text("""
    SELECT id, name, digest, scopes,
        last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute' AS stale
    FROM api_keys WHERE digest = :digest AND revoked_at IS NULL
""")
_USED = text("UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = :id")
_LIST = text("""
    SELECT id, name, scopes, created_at, last_used_at, revoked_at FROM api_keys ORDER BY id
""")
_REVOKE = text("""
    UPDATE api_keys SET revoked_at = clock_timestamp() WHERE name = :name AND revoked_at IS NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """Who calls, and what that caller may do."""

    id: int
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as lists show it; the key itself is known to its holder only."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeys:
    """API keys; only their digests are kept, so a lost key cannot be shown again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str, scopes: Sequence[str]) -> str:
        """Make a key and tell it this one time; `RegistryError` when the name is taken."""
        key = PREFIX + secrets.token_urlsafe(32)
        values = {"name": name, "digest": _digest(key), "scopes": list(scopes)}
        async with self._database.single() as connection:
            if not (await connection.execute(_ADD, values)).rowcount:
                raise RegistryError(
                    f"There is an API key named {name} already: choose another name.", field="name"
                )
        return key

    async def verify(self, key: str) -> KeyInfo | None:
        """Who holds the key, unless it is unknown or revoked. Notes its use once a minute."""
        digest = _digest(key)
        async with self._database.single() as connection:
            row = (await connection.execute(_FIND, {"digest": digest})).one_or_none()
            if row is None or not hmac.compare_digest(row.digest, digest):
                return None
            if row.stale:
                await connection.execute(_USED, {"id": row.id})
        return KeyInfo(id=row.id, name=row.name, scopes=tuple(row.scopes))

    async def all(self) -> list[KeyRecord]:
        """Every key ever made, oldest first."""
        async with self._database.single() as connection:
            return [
                KeyRecord(
                    id=row.id,
                    name=row.name,
                    scopes=tuple(row.scopes),
                    created_at=row.created_at,
                    last_used_at=row.last_used_at,
                    revoked_at=row.revoked_at,
                )
                for row in await connection.execute(_LIST)
            ]

    async def revoke(self, name: str) -> bool:
        """Refuse the key from now on; False when there is no such key in use."""
        async with self._database.single() as connection:
            return bool((await connection.execute(_REVOKE, {"name": name})).rowcount)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
