"""Is a message ever sent twice when a worker breaks down between reserving and recording it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from activities.failures import INTERNAL_FAULT
from activities.nudge import Nudger
from app.demo.stage import Stage
from dunning.ports import Accepted, EmailMessage, EmailSender, TextMessage, TextSender
from dunning.view import CaseView
from store.database import Database
from store.errors import DatabaseDownError
from store.ledger import Ledger
from tests.stories.telling import Teller
from tests.stories.witnesses import Told
from tests.stories.words import FIRST, REMINDER, TEXT
from tests.stories.workers import working

_ALL = (f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}")
_LOST_EMAIL = "first: unknown, no answer from the vendor"
_LOST_TEXT = "text: unknown, no answer from the vendor"


class _BrokenDownError(Exception):
    """The process is gone: nothing handles this, and nothing was recorded."""


@dataclass(slots=True)
class _DyingEmail:
    """Breaks down before its first email is handed over."""

    vendor: EmailSender
    died: bool = False

    async def send(self, message: EmailMessage) -> Accepted:
        if not self.died:
            self.died = True
            raise _BrokenDownError(f"could not write to {message.recipient}")
        return await self.vendor.send(message)


@dataclass(slots=True)
class _DyingText:
    """Breaks down before its first text is handed over."""

    vendor: TextSender
    died: bool = False

    async def send(self, message: TextMessage) -> Accepted:
        if not self.died:
            self.died = True
            raise _BrokenDownError
        return await self.vendor.send(message)

    async def find(self, *, recipient: str, body_digest: str, since: datetime) -> Accepted | None:
        return await self.vendor.find(recipient=recipient, body_digest=body_digest, since=since)


class _DyingLedger(Ledger):
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


def _dies_before_the_send(nudger: Nudger) -> Nudger:
    assert nudger.postbox.text is not None
    postbox = replace(
        nudger.postbox,
        email=_DyingEmail(nudger.postbox.email),
        text=_DyingText(nudger.postbox.text),
    )
    return replace(nudger, postbox=postbox)


async def test_a_worker_that_dies_before_a_send_leaves_it_unknown(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with working(idle, _dies_before_the_send):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(7)
        assert await ada.told() == Told(
            inbox=(f"day 4: {REMINDER}",), held=(_LOST_EMAIL, _LOST_TEXT), standing="waiting"
        )
        case = await ada.case()
        history = await idle.client.get_workflow_handle(case["workflow_id"]).fetch_history()
        assert INTERNAL_FAULT in history.to_json()
        assert ada.email not in history.to_json()


async def test_a_worker_that_dies_after_a_send_finds_the_text_and_gives_the_emails_up(
    idle: Stage,
) -> None:
    tell = Teller.of(idle)
    async with working(idle, lambda nudger: _with_ledger(idle, nudger, _BrokenDownError())):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(7)
        assert await ada.told() == Told(
            inbox=_ALL,
            held=(_LOST_EMAIL, "second: unknown, no answer from the vendor"),
            standing="waiting",
        )


async def test_a_database_that_is_away_for_a_moment_costs_no_record(idle: Stage) -> None:
    tell, away = Teller.of(idle), DatabaseDownError("PostgreSQL cannot be reached")
    async with working(idle, lambda nudger: _with_ledger(idle, nudger, away)):
        ada = await tell.invoice()
        await ada.fails()
        await tell.day(0)
        assert await ada.told() == Told(inbox=_ALL[:1], standing="waiting")


def _with_ledger(stage: Stage, nudger: Nudger, fault: Exception) -> Nudger:
    ledger = _DyingLedger(stage.stores.database, stage.settings.token_key, fault)
    return replace(nudger, ledger=ledger)
