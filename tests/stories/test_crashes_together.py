"""Do all invoices of a message agree on it when a worker breaks down over it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from activities.nudge import Nudger
from app.demo.stage import Stage
from dunning.view import CaseView
from store.ledger import Ledger
from store.reservations import Reserved
from tests.stories.dying import BrokenDownError, DyingEmail, DyingLedger
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, SEVERAL
from tests.stories.workers import working

_SENDER = """
    SELECT c.invoice_id FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE m.status = 'reserved' AND m.merged_into IS NULL
"""
_LONG_AGO = text("""
    UPDATE messages SET reserved_at = reserved_at - interval '1 hour' WHERE status = 'reserved'
""")
_LOST = ("first: unknown, no answer from the vendor",)


class _MuteLedger(Ledger):
    """Breaks down whenever it is to give a message up, until it is mended."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.stores.database, stage.settings.token_key)
        self.mended = False

    async def record_unknown(
        self, message_id: str, *, reason: str, occurred_at: datetime, view: CaseView | None = None
    ) -> bool:
        if not self.mended:
            raise BrokenDownError
        return await super().record_unknown(
            message_id, reason=reason, occurred_at=occurred_at, view=view
        )


class _UnheardLedger(Ledger):
    """Breaks down before each request, until it is mended."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.stores.database, stage.settings.token_key)
        self.mended = False

    async def request(self, reserved: Reserved) -> bool:
        if not self.mended:
            raise BrokenDownError
        return await super().request(reserved)


def _dies_before_the_send(nudger: Nudger) -> Nudger:
    postbox = replace(nudger.postbox, email=DyingEmail(nudger.postbox.email))
    return replace(nudger, postbox=postbox)


async def _two(tell: Teller) -> tuple[Invoice, Invoice]:
    """Invoices of one customer, of which one message speaks."""
    one, two = await tell.invoice(), tell.unregistered()
    await two.register(customer={"id": f"cus-{one.number}", "email": one.email, "phone": one.phone})
    for invoice in (one, two):
        await invoice.fails()
    return one, two


async def test_a_message_that_a_worker_died_with_is_unknown_for_each(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with working(idle, _dies_before_the_send):
        one, two = await _two(tell)
        await tell.day(5)
        told = Told(inbox=(f"day 4: {SEVERAL}",), held=_LOST, standing="waiting")
        assert [await one.told(), await two.told()] == [told, told]


async def test_a_lost_record_is_found_for_each_or_given_up_for_each(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with working(
        idle,
        lambda nudger: replace(
            nudger,
            ledger=DyingLedger(idle.stores.database, idle.settings.token_key, BrokenDownError()),
        ),
    ):
        one, two = await _two(tell)
        await tell.day(7)
        held = (*_LOST, "second: unknown, no answer from the vendor")
        assert [_held(await one.case()), _held(await two.case())] == [held, held]
        emails = idle.sandbox.messages.find(to=one.email)
        assert [email.subject for email in emails] == [SEVERAL, SEVERAL]
        (arrived,) = idle.sandbox.messages.find(to=one.phone)
        sms = await rows(idle, "SELECT status, provider_id FROM messages WHERE channel = 'sms'")
        assert [tuple(row.values()) for row in sms] == [("sent", arrived.vendor_id)] * 2


async def test_a_companion_gives_up_what_nobody_is_busy_with_any_more(idle: Stage) -> None:
    """The case that sent it is paid and over, so that no further attempt of its own follows."""
    tell, ledger = Teller.of(idle), _MuteLedger(idle)
    async with working(idle, lambda n: replace(_dies_before_the_send(n), ledger=ledger)):
        one, two = await _two(tell)
        await tell.day(0, 12)
        (sender,) = await rows(idle, _SENDER)
        carrier, companion = (one, two) if sender["invoice_id"] == one.id else (two, one)
        await carrier.pays()
        ledger.mended = True
        async with idle.stores.database.begin() as connection:
            await connection.execute(_LONG_AGO)
        await tell.day(1)
        assert _held(await companion.case()) == _LOST
        assert _LOST[0] in _held(await carrier.case())
        assert (await companion.case())["state"] == "waiting"


async def test_a_companion_is_told_by_itself_of_what_certainly_never_left(idle: Stage) -> None:
    """The case that was to tell of both is paid and over before any request left."""
    tell, ledger = Teller.of(idle), _UnheardLedger(idle)
    async with working(idle, lambda n: replace(n, ledger=ledger)):
        one, two = await _two(tell)
        await tell.day(0, 12)
        (sender,) = await rows(idle, _SENDER)
        carrier, companion = (one, two) if sender["invoice_id"] == one.id else (two, one)
        ledger.mended = True
        await carrier.pays()
        async with idle.stores.database.begin() as connection:
            await connection.execute(_LONG_AGO)
        await tell.day(1)
        assert (await companion.told()).inbox == (f"day 0: {FIRST}",)
        assert carrier.arrived() == []


def _held(case: Any) -> tuple[str, ...]:
    return tuple(
        f"{m['step'].partition('.')[2]}: {m['status']}, {m['reason']}"
        for m in case["messages"]
        if m["status"] not in ("sent", "planned")
    )
