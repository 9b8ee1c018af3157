"""Does a customer with several failed payments hear of them together, and not too often (R10)?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.demo.stage import Stage
from app.policy_file import default_policy_text
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from sandbox.inbox import Message
from tests.stories.telling import DAY, Invoice, Teller
from tests.stories.witnesses import Told
from tests.stories.words import FIRST, RECEIPT, REMINDER, SEVERAL

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer

FIFTY, NINETY = "$49.00", "$90.00"


async def _two(tell: Teller, **changes: Any) -> tuple[Invoice, Invoice]:
    """Invoices of 49 and 90 dollars of one customer."""
    one = await tell.invoice(**changes)
    two = tell.unregistered()
    person = {"id": f"cus-{one.number}", "email": one.email, "phone": one.phone}
    await two.register(customer=person, amount_due=9000, **changes)
    return one, two


def _emails(tell: Teller, invoice: Invoice) -> list[Message]:
    """All that the customer of an invoice has got."""
    return list(tell.stage.sandbox.messages.find(to=invoice.email))


async def _history(invoice: Invoice) -> bytes:
    """All that the case itself knows."""
    run = invoice.stage.client.get_workflow_handle((await invoice.case())["workflow_id"])
    history = await run.fetch_history()
    return b"".join(event.SerializeToString() for event in history.events)


async def test_two_invoices_that_fail_on_one_day_share_one_email(tell: Teller) -> None:
    one, two = await _two(tell)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    (email,) = _emails(tell, one)
    assert FIFTY in email.text
    assert NINETY in email.text
    told = Told(inbox=(f"day 0: {SEVERAL}",), standing="waiting")
    assert [await one.told(), await two.told()] == [told, told]
    (first,) = [m for m in (await one.case())["messages"] if m["step"] == "monthly.first"]
    (other,) = [m for m in (await two.case())["messages"] if m["step"] == "monthly.first"]
    assert first["provider_id"] == other["provider_id"] == email.vendor_id
    assert (first["together_with"], other["together_with"]) == ([two.id], [one.id])
    assert {first["merged_into"], other["merged_into"]} == {
        None,
        email.custom_args["dunning_message_id"],
    }
    for invoice in (one, two):
        assert one.email.encode() not in await _history(invoice)


async def test_a_case_waits_while_another_sends_the_message_that_speaks_of_it(
    tell: Teller,
) -> None:
    one, two = await _two(tell)
    fault = Fault(kind=FaultKind.DELAY, delay_s=0.6)
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, fault)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    told = Told(inbox=(f"day 0: {SEVERAL}",), standing="waiting")
    assert [await one.told(), await two.told()] == [told, told]
    for invoice in (one, two):
        known = await _history(invoice)
        assert b'"kind":"sent"' in known
        assert b'"kind":"unknown"' not in known


async def test_a_later_message_names_only_what_is_still_owed(tell: Teller) -> None:
    one, two = await _two(tell)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    await one.pays()
    await tell.day(5)
    first, receipt, second = _emails(tell, one)
    assert (first.subject, receipt.subject, second.subject) == (SEVERAL, RECEIPT, REMINDER)
    assert NINETY in second.text
    assert FIFTY not in second.text
    assert (await one.told()).standing == "recovered by revtain_retry"
    assert await two.told() == Told(
        inbox=(f"day 0: {SEVERAL}", f"day 4: {REMINDER}"), standing="waiting"
    )


async def test_a_step_of_the_next_day_comes_along_and_each_case_keeps_its_spacing(
    tell: Teller,
) -> None:
    one, two = await _two(tell)
    for invoice in (two, one):
        await invoice.fails()
    await tell.day(1)
    await two.order("extend", days=1)
    await tell.day(5)
    told = Told(inbox=(f"day 0: {SEVERAL}", f"day 4: {SEVERAL}"), standing="waiting")
    assert [await one.told(), await two.told()] == [told, told]
    second = next(m for m in (await two.case())["messages"] if m["step"] == "monthly.second")
    assert second["due_at"] > second["occurred_at"]
    await tell.day(23)
    for invoice in (one, two):
        sent = [m for m in (await invoice.case())["messages"] if m["status"] == "sent"]
        instants = sorted(datetime.fromisoformat(m["occurred_at"]) for m in sent)
        assert all(b - a >= DAY for a, b in pairwise(instants)), instants


async def test_a_paused_case_is_not_spoken_of(tell: Teller) -> None:
    one, two = await _two(tell)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    await two.order("pause")
    await tell.day(5)
    assert [email.subject for email in _emails(tell, one)] == [SEVERAL, REMINDER]
    assert await two.told() == Told(inbox=(f"day 0: {SEVERAL}",), standing="paused")


async def test_the_last_notice_speaks_of_one_invoice_alone(tell: Teller) -> None:
    one, two = await _two(tell)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(16)
    before = len(_emails(tell, one))
    await tell.day(23)
    last = [email.text for email in _emails(tell, one)[before:]]
    assert [(FIFTY in words, NINETY in words) for words in sorted(last)] in (
        [(True, False), (False, True)],
        [(False, True), (True, False)],
    )


async def test_an_email_of_which_nobody_knows_is_unknown_for_each_and_never_sent_again(
    tell: Teller,
) -> None:
    one, two = await _two(tell)
    fault = Fault(kind=FaultKind.DROP, when=Moment.AFTER, probability=1)
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, fault)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    tell.stage.sandbox.faults.clear()
    assert len(_emails(tell, one)) == 1
    held = ("first: unknown, no answer from the vendor",)
    assert ((await one.told()).held, (await two.told()).held) == (held, held)


async def test_an_email_that_was_certainly_not_taken_is_sent_together_later(tell: Teller) -> None:
    one, two = await _two(tell)
    fault = Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "1800"})
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, fault)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    assert [email.subject for email in _emails(tell, one)] == [SEVERAL]
    told = Told(inbox=(f"day 0: {SEVERAL}",), standing="waiting")
    assert [await one.told(), await two.told()] == [told, told]


# --- the budget


@pytest.fixture
async def strict(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> AsyncGenerator[Stage]:
    """The product under a policy of one email a week, and nothing merged."""
    policy = tmp_path / "policy.yaml"
    words = default_policy_text()
    given = ("email: {most: 4, per: 7d}", "merge_within: 24h")
    assert all(line in words for line in given)
    for line, strict in zip(given, ("email: {most: 1, per: 7d}", "merge_within: 0m"), strict=True):
        words = words.replace(line, strict)
    policy.write_text(words)
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as opened:
        yield opened
        await opened.end_all()


async def test_what_exceeds_the_budget_is_withheld_with_its_reason(strict: Stage) -> None:
    tell = Teller.of(strict)
    one, two = await _two(tell)
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(5)
    (email,) = _emails(tell, one)
    assert email.subject == FIRST
    first = {i.id: (await i.told()).held for i in (one, two)}
    over = "withheld, over_budget"
    assert sorted(first.values(), key=len) == [
        (f"second: {over}",),
        (f"first: {over}", f"second: {over}"),
    ]
    await tell.day(10)
    assert len(_emails(tell, one)) == 2


async def test_a_person_and_a_last_notice_are_not_held_back_by_the_budget(strict: Stage) -> None:
    tell = Teller.of(strict)
    ada = await tell.invoice(billing_period="week")
    await ada.fails()
    await tell.day(0)
    await ada.order("send-now", step="weekly.second")
    await tell.day(7)
    (final,) = [m for m in (await ada.case())["messages"] if m["step"] == "weekly.final"]
    assert (final["status"], (await ada.told()).held) == ("sent", ())
    assert len(_emails(tell, ada)) == 3
