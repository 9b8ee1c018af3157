"""Does the told story say what happened, in order, and why, and is it proved?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from sandbox.manner import Manner
from tests.stories.telling import Invoice, Teller

ADVICE = "advice request_card_update (decline code do_not_honor); the first whose conditions hold"
CONSENT = "the customer has not agreed to this channel (no_consent)"


@pytest.fixture
async def reporting(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product, whose vendors report by themselves."""
    async with Stage.open(database_url, temporal.address, reports=True) as opened:
        yield opened
        await opened.end_all()


async def lines(invoice: Invoice) -> list[dict[str, Any]]:
    status, story = await invoice.stage.call("GET", f"/v1/cases/{invoice.id}/story")
    assert (status, story["timezone"]) == (200, invoice.teller.zone)
    return list(story["lines"])


async def told(invoice: Invoice) -> list[str]:
    """Each line with its reason; but for the stations at the vendor, which come as they like."""
    stations = ("report.queued", "report.processed", "report.sent_on")
    return [
        " | ".join(filter(None, (line["what"], line["about"], _short(line["why"]), line["note"])))
        for line in await lines(invoice)
        if line["kind"] not in stations
    ]


def _short(why: str | None) -> str | None:
    """Without the instant, and without the campaigns that were passed over."""
    return why and why.partition("; passed over")[0].partition(", due ")[0]


async def whole(stage: Stage) -> list[bool]:
    return [checked.fault is None async for checked in stage.stores.audit.verify()]


async def test_a_full_life_is_told_line_by_line(reporting: Stage) -> None:
    tell = Teller.of(reporting)
    ada = await tell.invoice(customer={"sms_consent_at": None})
    await ada.fails()
    await tell.day(4)
    await ada.order("pause", note="she called")
    await tell.day(5)
    await ada.order("resume")
    await tell.day(9)
    await ada.pays()
    await tell.day(14)
    of = f"{ada.transaction}; case dunning:{ada.id}:1"
    step = "a step of the campaign"
    assert await told(ada) == [
        f"The payment was given up by Revtain | event 1 of revtain; transaction {of}",
        f"The case was opened | invoice {ada.id}, cycle 1",
        f"Campaign monthly begins | {ADVICE}",
        f"Email sent | step monthly.first, template card_declined | {step}",
        "Email delivered, says the vendor | step monthly.first",
        f"Email sent | step monthly.second, template reminder | {step}",
        "Email delivered, says the vendor | step monthly.second",
        "Note by api:stage | note 1 | she called",
        "api:stage ordered: pause | note 1",
        "The case is paused",
        "api:stage ordered: go on",
        "Campaign monthly goes on",
        f"Text message not sent | step monthly.text, template reminder | {CONSENT}",
        f"Email sent | step monthly.third, template reminder | {step}",
        "Email delivered, says the vendor | step monthly.third",
        *(line for line in await told(ada) if line.startswith("The payment went through")),
        "Money came in: 49.00 USD; nothing is owed any more",
        "The case closed: recovered | a retry of the payment went through (revtain_retry)",
        "Email not sent: skipped | step monthly.final, template final_notice | case closed",
        "Email not sent: skipped | step monthly.fourth, template reminder | case closed",
        "Email sent | step receipt, template payment_received | the payment arrived",
        "Email delivered, says the vendor | step receipt",
    ]
    assert await whole(reporting) == [True]


async def test_lines_of_a_story_never_go_back_in_time(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.order("pause", note="she called")
    await tell.day(6)
    await ada.pays()
    shown = await lines(ada)
    instants = [line["at"] for line in shown]
    assert instants == sorted(instants)
    days = [(line["kind"], line["local"][:10]) for line in shown]
    paid = tell.at(6).date().isoformat()
    assert ("case.recovered", paid) in days
    assert ("event.recovery.failed", tell.at(0).date().isoformat()) in days


async def test_a_bounce_and_a_stop_are_told_with_what_they_closed(reporting: Stage) -> None:
    tell = Teller.of(reporting)
    ada, sandbox = await tell.invoice(), reporting.sandbox
    await ada.fails()
    sandbox.sendgrid.set_fate(ada.email)
    await tell.day(0)
    (email,) = sandbox.messages
    await sandbox.sendgrid.report(email, "bounce", manner=Manner())
    await reporting.settle()
    await tell.day(5)
    before = await told(ada)
    assert before[4:6] == [
        "Email bounced, says the vendor | step monthly.first | vendor's code 5.1.1",
        "Channel closed: email | bad address: the vendor reported it (report)",
    ]
    assert before[6].startswith("Text message sent | step monthly.second")
    planned = [line for line in before if line.startswith("Text message planned")]
    moved = [line for line in planned if line.endswith("email is closed: bad_address")]
    assert len(moved) == len(planned) - 1
    await sandbox.twilio.reply(ada.phone, "STOP")
    await reporting.settle()
    after = await told(ada)
    assert [line for line in after if line not in before] == [
        "Text message from the customer: to stop | reply 1 | handled by dunning",
        "Channel closed: text message | opted out: the customer answered so (reply)",
        "The case waits for a person | no channel to the customer is left (unreachable)",
        "A review was opened | no channel to the customer is left (unreachable)",
    ]
    assert await whole(reporting) == [True]


async def test_every_message_that_left_and_every_one_that_did_not_has_a_reason(
    tell: Teller,
) -> None:
    silent, unwilling = await tell.invoice(), await tell.invoice(customer={"sms_consent_at": None})
    for invoice in (silent, unwilling):
        await invoice.fails()
    await tell.day(60)
    for invoice in (silent, unwilling):
        messages = [n for n in await lines(invoice) if n["kind"].startswith("message.")]
        assert len(messages) >= 6
        assert [line for line in messages if not line["why"]] == []


async def test_a_reopened_case_goes_on_in_the_same_story(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await ada.order("stop", note="by mistake")
    status, answer = await tell.stage.call("POST", f"/v1/cases/{ada.id}/reopen", {"note": "sorry"})
    assert status == 200, answer
    await tell.stage.settle()
    story = [(line["cycle"], line["what"]) for line in await lines(ada) if line["entry"]]
    first = [what for cycle, what in story if cycle == 1]
    assert [what for what in first if "stop" in what] == [
        "api:stage ordered: stop the case",
        "The case closed: stopped",
    ]
    assert [what for cycle, what in story if cycle == 2][:4] == [
        "The case was opened",
        "Note by api:stage",
        "api:stage ordered: open the case again",
        "Campaign monthly begins",
    ]
    assert await whole(tell.stage) == [True, True]


async def test_a_refused_order_is_told(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await ada.refuses("resume")
    assert (await told(ada))[3:5] == [
        "api:stage ordered: go on",
        "The order could not be carried out: resume | not possible as the case stands",
    ]


async def test_a_story_of_no_case_is_not_found(tell: Teller) -> None:
    ada = await tell.invoice()
    status, answer = await tell.stage.call("GET", f"/v1/cases/{ada.id}/story")
    assert (status, answer["detail"].split(".")[0]) == (404, f"Invoice {ada.id} has no case")
