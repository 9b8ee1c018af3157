"""A Revtain that answers charges as prepared, and what is looked at afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dunning.charge import (
    ChargeAnswer,
    ChargeOrder,
    ChargeRequest,
    ChargeStatus,
    Purpose,
)
from dunning.errors import (
    ProviderError,
)
from dunning.ports import CallLimit
from dunning.recovery import RecoveryAnswer, RecoveryStatus
from store.digest import token_digest
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.database import Database


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CARD = token_digest(TOKEN_KEY, "pm_2")
ORDER = ChargeOrder(key="k1", invoice_id="INV-1", purpose=Purpose.NEW_CARD)
RECOVERED = ChargeAnswer(status=ChargeStatus.RECOVERED, transaction_id="t9")
QUEUED = ChargeAnswer(status=ChargeStatus.QUEUED, transaction_id="t9")


@dataclass(slots=True)
class ScriptedRevtain:
    """Answers charges as prepared, and knows how those stand that are named here."""

    answers: list[ChargeAnswer | ProviderError] = field(
        default_factory=list[ChargeAnswer | ProviderError]
    )
    standings: dict[str, RecoveryAnswer] = field(default_factory=dict[str, RecoveryAnswer])
    requests: list[ChargeRequest] = field(default_factory=list[ChargeRequest])
    asked: list[str] = field(default_factory=list[str])
    away: ProviderError | None = None

    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        return self._find(transaction_id)

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        return self._find(idempotency_key)

    def _find(self, name: str) -> RecoveryAnswer | None:
        self.asked.append(name)
        if self.away is not None:
            raise self.away
        return self.standings.get(name)


def standing(
    status: RecoveryStatus, action: str | None = None, code: str | None = None
) -> RecoveryAnswer:
    """How transaction t9 stands."""
    names = {RecoveryStatus.FAILED: "recovery.failed", RecoveryStatus.BLOCKED: "recovery.blocked"}
    event = {
        "event": names.get(status, "recovery.success"),
        "revtainTransactionId": "t9",
        "declineCode": code,
        "recommendedAction": action,
    }
    body = json.dumps(event).encode() if status is not RecoveryStatus.UNKNOWN else b""
    return RecoveryAnswer(
        transaction_id="t9", status=status, recommended_action=action, name="", body=body
    )


@dataclass(slots=True)
class SlowTurn:
    """A turn to call, for which is waited so long that something else happens meanwhile."""

    limit: CallLimit
    meanwhile: Callable[[], Awaitable[object]]

    async def take(self) -> timedelta:
        return await self.limit.take()

    async def hold(self, duration: timedelta) -> None:
        await self.limit.hold(duration)

    async def turn(self, patience: timedelta) -> None:
        await self.limit.turn(patience)

    @asynccontextmanager
    async def calling(self, patience: timedelta) -> AsyncGenerator[None]:
        await self.meanwhile()
        async with self.limit.calling(patience):
            yield


async def rows(database: Database, query: str) -> list[dict[str, Any]]:
    async with database.single() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def charge(database: Database) -> dict[str, Any]:
    (row,) = await rows(database, "SELECT * FROM charges")
    return row


async def trail(database: Database) -> list[tuple[str, str | None]]:
    query = (
        "SELECT kind, detail ->> 'status' AS s FROM audit WHERE kind LIKE 'charge.%' ORDER BY id"
    )
    return [(row["kind"], row["s"]) for row in await rows(database, query)]
