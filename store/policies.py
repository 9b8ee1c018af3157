"""Which policies are there: published one after the other, and under which did a case begin?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from store.database import Database

_KEEP = text("""
    INSERT INTO policies (digest, document) VALUES (:digest, :document) ON CONFLICT DO NOTHING
""")
_GET = text("SELECT document FROM policies WHERE digest = :digest")
# Two who publish at the same time wait for each other, so that each sees the other's version.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('dunning.policy_versions'))")
_PUBLISH = text("""
    WITH newest AS (
        SELECT version, digest FROM policy_versions ORDER BY version DESC LIMIT 1
    ), made AS (
        INSERT INTO policy_versions (digest, author, note)
        SELECT :digest, :author, :note
        WHERE NOT EXISTS (SELECT FROM newest WHERE digest = :digest)
        RETURNING version
    )
    SELECT version FROM made UNION ALL SELECT version FROM newest WHERE digest = :digest
""")
_CURRENT = text("SELECT digest FROM policy_versions ORDER BY version DESC LIMIT 1")
_VERSIONS = text("""
    SELECT v.version, v.digest, v.published_at, v.author, v.note,
        (SELECT count(*) FROM cases c
         WHERE c.policy_digest = v.digest AND c.closed_at IS NULL) AS open_cases
    FROM policy_versions v
    UNION ALL
    SELECT NULL, c.policy_digest, NULL, NULL, NULL, count(*) FROM cases c
    WHERE c.closed_at IS NULL AND c.policy_digest IS NOT NULL
    AND NOT EXISTS (SELECT FROM policy_versions v WHERE v.digest = c.policy_digest)
    GROUP BY c.policy_digest
    ORDER BY 1 DESC NULLS LAST, 2
""")
_UNDER = text("""
    SELECT invoice_id FROM cases
    WHERE policy_digest = :digest AND closed_at IS NULL AND state <> 'opening' ORDER BY id
""")
_DIGESTS = text("""
    SELECT DISTINCT digest FROM (
        SELECT digest FROM policies
        UNION SELECT policy_digest FROM cases WHERE policy_digest IS NOT NULL) AS known
    WHERE starts_with(digest, :start) LIMIT 2
""")
_OF_VERSION = text("SELECT digest FROM policy_versions WHERE version = :version")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One publication; `open_cases` run under its policy now.

    Without a version it was never published: cases began under it while it was the file's.
    """

    version: int | None
    digest: str
    published_at: datetime | None
    author: str | None
    note: str | None
    open_cases: int


class Policies:
    """Every policy that was published, or that a case was ever begun with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, digest: str, document: str) -> None:
        """Remember a policy; the same digest twice is the same policy."""
        async with self._database.single() as connection:
            await connection.execute(_KEEP, {"digest": digest, "document": document})

    async def get(self, digest: str) -> str | None:
        """The document of a digest."""
        async with self._database.single() as connection:
            document: str | None = await connection.scalar(_GET, {"digest": digest})
            return document

    async def publish(
        self, digest: str, document: str, *, author: str, note: str | None = None
    ) -> int:
        """Let new cases begin under this policy; its version, an earlier one if it is in force."""
        values = {"digest": digest, "author": author, "note": note}
        async with self._database.begin() as connection:
            await connection.execute(_ONE_AT_A_TIME)
            await connection.execute(_KEEP, {"digest": digest, "document": document})
            version: int = (await connection.execute(_PUBLISH, values)).scalar_one()
            return version

    async def current(self) -> str | None:
        """The digest of the latest publication; None when nothing was published yet."""
        async with self._database.single() as connection:
            digest: str | None = await connection.scalar(_CURRENT)
            return digest

    async def versions(self) -> list[PolicyVersion]:
        """All publications, the latest first, then other policies that open cases run under."""
        async with self._database.single() as connection:
            found = await connection.execute(_VERSIONS)
            return [PolicyVersion(**row) for row in found.mappings()]

    async def named(self, name: str) -> str | None:
        """The digest that a version number or the beginning of a digest names, if it is one."""
        async with self._database.single() as connection:
            if name.isdecimal() and len(name) < len("2147483648"):
                digest: str | None = await connection.scalar(_OF_VERSION, {"version": int(name)})
                if digest is not None:
                    return digest
            found = (await connection.scalars(_DIGESTS, {"start": name})).all()
            return found[0] if len(found) == 1 else None

    async def invoices_under(self, digest: str) -> list[str]:
        """Invoices whose open case runs under this policy, the oldest case first."""
        async with self._database.single() as connection:
            return list(await connection.scalars(_UNDER, {"digest": digest}))
