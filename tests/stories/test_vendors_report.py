"""Do the vendors' own reports and the customers' answers reach the product on every stage?"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator

import pytest

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from sandbox.courier import DeliveryState
from sandbox.manner import Manner
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, REMINDER, SILENT_MONTH, TEXT


@pytest.fixture
async def reporting(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Stage]:
    """The product, whose vendors report by themselves."""
    async with Stage.open(database_url, temporal.address, reports=True) as opened:
        yield opened
        await opened.end_all()


def _answers(stage: Stage) -> Counter[tuple[str, int | None]]:
    """Door and status of every report that was tried."""
    posts = (*stage.sandbox.sendgrid.deliveries, *stage.sandbox.twilio.deliveries)
    return Counter(
        (post.url.removeprefix(stage.settings.public_url).partition("?")[0], attempt.status)
        for post in posts
        for attempt in post.attempts
    )


async def test_every_message_of_a_month_is_reported_and_known_to_have_arrived(
    reporting: Stage,
) -> None:
    tell = Teller.of(reporting)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(60)
    told = await ada.told()
    assert told == Told(inbox=SILENT_MONTH, standing="written_off")
    texts = sum(line.partition(": ")[2].startswith("text:") for line in told.inbox)
    emails = len(told.inbox) - texts
    assert _answers(reporting) == {
        ("/webhooks/sendgrid", 200): emails,
        ("/webhooks/twilio/status", 200): 4 * texts,
    }
    query = "SELECT channel, delivery FROM messages WHERE status = 'sent'"
    known = Counter((row["channel"], row["delivery"]) for row in await rows(reporting, query))
    assert known == {("email", "delivered"): emails, ("sms", "delivered"): texts}


async def test_a_stage_waits_for_what_is_reported_before_time_goes_on(reporting: Stage) -> None:
    tell = Teller.of(reporting)
    ada, sandbox = await tell.invoice(), reporting.sandbox
    await ada.fails()
    sandbox.sendgrid.set_fate(ada.email)
    await tell.day(0)
    (email,) = sandbox.messages
    await sandbox.sendgrid.report(email, "bounce", manner=Manner(delay_s=0.3))
    await reporting.settle()
    assert [post.state for post in sandbox.sendgrid.deliveries] == [DeliveryState.ACCEPTED]
    query = "SELECT delivery FROM messages WHERE step LIKE '%.first'"
    assert [row["delivery"] for row in await rows(reporting, query)] == ["bounced"]
    (closed,) = await rows(reporting, "SELECT channel FROM suppressions")
    assert closed == {"channel": "email"}


async def test_vendors_are_silent_on_a_stage_that_did_not_ask(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(7)
    sandbox = tell.stage.sandbox
    assert (await ada.told()).inbox == (
        *(f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}"),
    )
    assert (sandbox.told, [message.reports for message in sandbox.messages]) == (0, [()] * 3)


async def test_false_reports_and_false_answers_are_turned_away(reporting: Stage) -> None:
    tell = Teller.of(reporting)
    ada, sandbox = await tell.invoice(), reporting.sandbox
    await ada.fails()
    await tell.day(7)
    before = _answers(reporting)
    email, text = sandbox.messages.find(to=ada.email)[0], sandbox.messages.find(to=ada.phone)[0]
    forged = Manner(forge=True)
    for manner in (forged, Manner(tampered=True), Manner(age_s=3600), Manner(signature="")):
        await sandbox.sendgrid.report(email, "spamreport", manner=manner)
    await sandbox.twilio.report(text.vendor_id, "failed", error_code=30005, manner=forged)
    answer = await sandbox.twilio.reply(ada.phone, "stop bothering me", manner=forged)
    await reporting.settle()
    assert _answers(reporting) - before == {
        ("/webhooks/sendgrid", 401): 4,
        ("/webhooks/twilio/status", 401): 1,
        ("/webhooks/twilio/inbound", 401): 1,
    }
    assert (answer.status, answer.messages) == (401, ())
    assert await rows(reporting, "SELECT channel FROM suppressions") == []


async def test_a_customer_who_answers_stop_gets_no_further_text(tell: Teller) -> None:
    ada, sandbox = await tell.invoice(), tell.stage.sandbox
    await ada.fails()
    await tell.day(6, 20)
    answer = await sandbox.twilio.reply(ada.phone, "STOP")
    await tell.stage.settle()
    assert (answer.status, answer.messages) == (200, ())
    (closed,) = await rows(tell.stage, "SELECT channel FROM suppressions WHERE channel = 'sms'")
    assert closed == {"channel": "sms"}
    await tell.day(60)
    assert len(sandbox.messages.find(to=ada.phone)) == 1
