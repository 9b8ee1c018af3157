"""How does a worker break down at a given point? Stand-ins that do so once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dunning.ports import Accepted, EmailMessage, EmailSender
from dunning.view import CaseView
from store.database import Database
from store.ledger import Ledger


class BrokenDownError(Exception):
    """The process is gone: nothing handles this, and nothing was recorded."""


@dataclass(slots=True)
class DyingEmail:
    """Breaks down before its first email is handed over."""

    vendor: EmailSender
    died: bool = False

    async def send(self, message: EmailMessage) -> Accepted:
        if not self.died:
            self.died = True
            raise BrokenDownError(f"could not write to {message.recipient}")
        return await self.vendor.send(message)


class DyingLedger(Ledger):
    """Breaks down when it is to record the first message of each step as sent."""

    def __init__(self, database: Database, token_key: bytes, fault: Exception) -> None:
        super().__init__(database, token_key)
        self.fault = fault
        self.died: set[str] = set()

    async def record_sent(
        self,
        message_id: str,
        *,
        provider_id: str,
        occurred_at: datetime,
        view: CaseView | None = None,
    ) -> bool:
        if message_id not in self.died:
            self.died.add(message_id)
            raise self.fault
        return await super().record_sent(
            message_id, provider_id=provider_id, occurred_at=occurred_at, view=view
        )
