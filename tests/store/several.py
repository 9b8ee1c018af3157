"""What do six invoices of one customer stand on, each with an email that is due now?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dunning.budget import Limit
from dunning.channel import Channel
from dunning.states import State, StepStatus
from dunning.view import CaseView, StepView
from store.reservations import Draft, Reserved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from store.cases import Cases
    from store.ledger import Ledger
    from store.message_records import MessageRecord
    from store.reservations import Reservation
    from tests.store.conftest import Register

INVOICES = tuple(f"INV-{number}" for number in range(1, 7))
WEEK = timedelta(days=7)
ONE = Limit(most=1, per=WEEK)
TWO = Limit(most=2, per=WEEK)
STRANGER = "INV-9"


def run(invoice_id: str) -> str:
    return f"dunning:{invoice_id}:1"


async def open_all(cases: Cases, register: Register, now: datetime) -> None:
    """Six cases of one customer and one of another, each with an email planned for now."""
    for invoice_id in INVOICES:
        await register(invoice_id, revtain={"transaction_ids": [f"tx_{invoice_id}"]})
    await register(STRANGER, customer={"id": "cus_9"})
    await cases.open_many([*INVOICES, STRANGER], now)
    for invoice_id in (*INVOICES, STRANGER):
        await cases.project(waiting(invoice_id, now))


def waiting(invoice_id: str, at: datetime) -> CaseView:
    step = StepView(
        step="d4",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=at,
        status=StepStatus.PLANNED,
        joins=True,
    )
    return CaseView(
        workflow_id=run(invoice_id),
        version=1,
        state=State.WAITING,
        next_step="d4",
        next_at=at,
        steps=(step,),
    )


def email(now: datetime, **changes: Any) -> Draft:
    draft = Draft(
        step="d4",
        channel=Channel.EMAIL,
        template="reminder",
        due_at=now,
        now=now,
        body_digest="abc",
    )
    return replace(draft, **changes)


async def reserve(
    ledger: Ledger,
    now: datetime,
    invoice_id: str = "INV-1",
    *,
    limit: Limit | None = None,
    companions: Sequence[str] = (),
    **changes: Any,
) -> Reservation:
    draft = email(now, **changes)
    return await ledger.reserve(run(invoice_id), draft, limit=limit, companions=companions)


async def planned(ledger: Ledger, invoice_id: str) -> str:
    return (await message(ledger, invoice_id)).id


async def message(ledger: Ledger, invoice_id: str) -> MessageRecord:
    (only,) = await ledger.messages(run(invoice_id))
    return only


async def statuses(ledger: Ledger, *invoice_ids: str) -> list[str]:
    return [(await message(ledger, one)).status.value for one in invoice_ids]


async def merged(ledger: Ledger, now: datetime, *others: str) -> str:
    """INV-1's message, reserved together with those of others."""
    companions = [await planned(ledger, one) for one in others]
    held = await reserve(ledger, now, companions=companions)
    assert isinstance(held, Reserved)
    return held.message_id
