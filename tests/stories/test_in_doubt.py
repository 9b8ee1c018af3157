"""What becomes of a message of which nobody can tell whether it left?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from app.demo.stage import Stage
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told
from tests.stories.words import FIRST, RECEIPT, REMINDER, TEXT

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer

_UNKNOWN = ("first: unknown, no answer from the vendor",)
_LATER = (f"day 4: {REMINDER}", f"day 6: {TEXT}")


@pytest.fixture
async def reporting(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product, with vendors that report on every message."""
    async with Stage.open(database_url, temporal.address, reports=True) as opened:
        yield opened
        await opened.end_all()


async def _first_email_lost(stage: Stage, when: Moment) -> tuple[Teller, Invoice]:
    tell = Teller.of(stage)
    ada = await tell.invoice()
    stage.sandbox.faults.plan(Vendor.SENDGRID, Fault(kind=FaultKind.DROP, when=when), to=ada.email)
    await ada.fails()
    return tell, ada


async def _first(invoice: Invoice) -> dict[str, Any]:
    messages: list[dict[str, Any]] = (await invoice.case())["messages"]
    return next(m for m in messages if m["step"].endswith("first"))


async def _unresolved(stage: Stage) -> list[dict[str, Any]]:
    _, page = await stage.call("GET", "/v1/messages/unresolved")
    return list(page["messages"])


async def _resolve(stage: Stage, message_id: str, *, sent: bool) -> int:
    status, _ = await stage.call("POST", f"/v1/messages/{message_id}/resolve", {"sent": sent})
    await stage.settle()
    return status


async def test_the_vendors_report_proves_an_email_whose_answer_was_lost(reporting: Stage) -> None:
    tell, ada = await _first_email_lost(reporting, Moment.AFTER)

    await tell.day(5)

    first = await _first(ada)
    assert (first["status"], first["delivery"]) == ("sent", "delivered")
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}", _LATER[0]), standing="waiting")
    assert await _unresolved(reporting) == []


async def test_without_a_report_it_stays_in_doubt_and_is_never_sent_again(
    reporting: Stage,
) -> None:
    tell, ada = await _first_email_lost(reporting, Moment.BEFORE)

    await tell.day(7)

    assert await ada.told() == Told(inbox=_LATER, held=_UNKNOWN, standing="waiting")
    (doubtful,) = await _unresolved(reporting)
    assert (doubtful["invoice_id"], doubtful["channel"]) == (ada.id, "email")


async def test_an_operator_who_found_it_at_the_vendor_says_so(stage: Stage) -> None:
    tell, ada = await _first_email_lost(stage, Moment.AFTER)
    await tell.day(1)
    (doubtful,) = await _unresolved(stage)

    assert await _resolve(stage, doubtful["id"], sent=True) == HTTPStatus.NO_CONTENT

    assert (await _first(ada))["status"] == "sent"
    assert await _resolve(stage, doubtful["id"], sent=False) == HTTPStatus.CONFLICT
    assert await _resolve(stage, "nobody's", sent=True) == HTTPStatus.NOT_FOUND
    await tell.day(7)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}", *_LATER), standing="waiting")


async def test_an_operator_who_did_not_find_it_lets_it_go_out_once(stage: Stage) -> None:
    tell, ada = await _first_email_lost(stage, Moment.BEFORE)
    await tell.day(1)
    (doubtful,) = await _unresolved(stage)

    await _resolve(stage, doubtful["id"], sent=False)

    await tell.day(7)
    assert await ada.told() == Told(inbox=(f"day 1: {FIRST}", *_LATER), standing="waiting")
    assert await _unresolved(stage) == []


async def test_a_payment_closes_a_case_whose_email_is_in_doubt(stage: Stage) -> None:
    tell, ada = await _first_email_lost(stage, Moment.BEFORE)
    await tell.day(1)
    (doubtful,) = await _unresolved(stage)
    await ada.pays()

    await _resolve(stage, doubtful["id"], sent=False)

    assert (await _first(ada))["status"] == "skipped"
    assert [m.subject for m in ada.arrived()] == [RECEIPT]
