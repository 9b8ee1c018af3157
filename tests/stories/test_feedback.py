"""What do vendors' reports change, and do they change it once, whenever and however they come?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app import clock, senders
from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from app.feedback import Feedback, listening
from dunning.errors import ProviderUnavailableError
from sandbox.faults import Fault, FaultKind, Moment, Operation, Vendor
from sandbox.inbox import Channel, Message
from sandbox.manner import Manner
from sandbox.sendgrid_events import EventKind, MailEvent
from sandbox.twilio_callbacks import TextFate
from store.inbox import EventStatus
from store.sweeps import Sweeps
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, REMINDER, TEXT
from webhook.report_sweep import ReportSweep
from workflows.contracts import MESSAGE_SETTLED

_AND_THE_TURN_IS_FREE = "DELETE FROM sweeps RETURNING name"
_AN_HOUR_LATER = """
    UPDATE messages SET reserved_at = reserved_at - interval '1 hour' RETURNING id
"""


@pytest.fixture
async def heard(database_url: str, temporal: TemporalDevServer) -> AsyncGenerator[Teller]:
    """The product running; its vendors say what becomes of each message."""
    async with Stage.open(database_url, temporal.address, reports=True) as stage:
        yield Teller.of(stage)
        await stage.end_all()


async def _deliveries(invoice: Invoice) -> list[tuple[str, str, str | None, str | None]]:
    """Of each message that left: step, channel, how far it came, and the vendor's code."""
    messages = (await invoice.case())["messages"]
    return [
        (m["step"].rpartition(".")[2], m["channel"], m["delivery"], m["delivery_code"])
        for m in messages
        if m["status"] == "sent"
    ]


async def _planned(invoice: Invoice) -> list[tuple[str, str, str | None]]:
    messages = (await invoice.case())["messages"]
    return [
        (m["step"].rpartition(".")[2], m["channel"], m["reason"])
        for m in messages
        if m["status"] == "planned"
    ]


async def _suppressed(stage: Stage) -> list[dict[str, Any]]:
    return await rows(
        stage, "SELECT channel, reason, scope, source, lifted_at FROM suppressions ORDER BY id"
    )


async def _statuses(stage: Stage) -> dict[str, set[str]]:
    """In which states the events of each vendor are."""
    found = await rows(stage, "SELECT source, status FROM events")
    vendors = ("sendgrid", "twilio")
    return {v: {row["status"] for row in found if row["source"] == v} for v in vendors}


def _first(invoice: Invoice) -> Message:
    return invoice.arrived()[0]


async def test_what_arrives_is_shown_as_delivered(heard: Teller) -> None:
    ada = await heard.invoice()
    await ada.fails()
    await heard.day(7)
    assert await _deliveries(ada) == [
        ("first", "email", "delivered", None),
        ("second", "email", "delivered", None),
        ("text", "sms", "delivered", None),
    ]
    assert (await ada.told()).inbox == (f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}")
    assert await _statuses(heard.stage) == {"sendgrid": {"done"}, "twilio": {"done"}}


async def test_a_hard_bounce_moves_the_next_email_to_a_text_and_the_case_says_why(
    heard: Teller,
) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email, "processed", "bounce")
    await ada.fails()
    await heard.day(0, 20)
    assert await _deliveries(ada) == [("first", "email", "bounced", "5.1.1")]
    next_email = (await _planned(ada))[0]
    assert next_email == ("second", "sms", "email is closed: bad_address")
    (closed,) = await _suppressed(heard.stage)
    assert (closed["channel"], closed["reason"], closed["source"]) == (
        "email",
        "bad_address",
        "report",
    )
    await heard.day(10)
    assert {m.channel for m in ada.arrived()[1:]} == {Channel.SMS}
    assert len(ada.arrived()) > 1


async def test_when_every_channel_is_dead_a_person_looks(heard: Teller) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email, "processed", "dropped")
    heard.stage.sandbox.twilio.set_fate(ada.phone, "undelivered:30005")
    await ada.fails()
    await heard.day(5)
    told = await ada.told()
    assert told.standing == "review: unreachable"
    assert [reach["reason"] for reach in await _suppressed(heard.stage)] == ["bad_address"] * 2
    assert [m.channel for m in ada.arrived()] == [Channel.EMAIL, Channel.SMS]


@pytest.mark.parametrize(
    ("mail", "state", "code"),
    [
        ("blocked", "undelivered", "4.7.0"),
        ("deferred", "deferred", None),
    ],
)
async def test_a_soft_bounce_is_shown_and_changes_nothing(
    heard: Teller, mail: str, state: str, code: str | None
) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email, "processed", mail)
    heard.stage.sandbox.twilio.set_fate(ada.phone, "undelivered:30003")
    await ada.fails()
    await heard.day(9, 20)
    assert [report[1:] for report in await _deliveries(ada)] == [
        ("email", state, code),
        ("email", state, code),
        ("sms", "undelivered", "30003"),
        ("email", state, code),
    ]
    assert await _suppressed(heard.stage) == []


async def test_who_unsubscribes_hears_by_text_until_they_come_back(heard: Teller) -> None:
    ada = await heard.invoice()
    await ada.fails()
    await heard.day(1)
    later = {"timestamp": int((heard.stage.now + timedelta(minutes=5)).timestamp())}
    await heard.stage.sandbox.sendgrid.report(_first(ada), "group_unsubscribe")
    await heard.stage.settle()
    assert (await _planned(ada))[0] == ("second", "sms", "email is closed: opted_out")
    (closed,) = await _suppressed(heard.stage)
    assert (closed["reason"], closed["scope"]) == ("opted_out", "reminders")
    back = MailEvent(event=EventKind.GROUP_RESUBSCRIBE, details={**later})
    await heard.stage.sandbox.sendgrid.report(_first(ada), back)
    await heard.stage.settle()
    assert (await _planned(ada))[0] == ("second", "email", None)
    assert await _deliveries(ada) == [("first", "email", "resubscribed", None)]


async def test_a_report_before_the_send_is_recorded_settles_the_message(heard: Teller) -> None:
    """The vendor takes the email, the connection breaks, and only its report says so."""
    ada = await heard.invoice()
    dropped = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    heard.stage.sandbox.faults.plan(Vendor.SENDGRID, dropped, to=ada.email)
    await ada.fails()
    await heard.day(7)
    expected = (f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}")
    assert await ada.told() == Told(inbox=expected, standing="waiting")
    assert (await _deliveries(ada))[0][2] == "delivered"


async def test_an_unknown_message_is_proved_days_later(tell: Teller) -> None:
    ada = await tell.invoice()
    dropped = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, dropped, to=ada.email)
    await ada.fails()
    await tell.day(2)
    assert (await ada.told()).held == ("first: unknown, no answer from the vendor",)
    tell.stage.hear_reports()
    await tell.stage.sandbox.sendgrid.report(_first(ada), "delivered")
    await tell.stage.settle()
    await tell.day(3)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
    assert await _deliveries(ada) == [("first", "email", "delivered", None)]
    run = tell.stage.client.get_workflow_handle((await ada.case())["workflow_id"])
    assert MESSAGE_SETTLED in (await run.fetch_history()).to_json()


async def test_repeated_late_and_shuffled_reports_count_once(heard: Teller) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email)
    await ada.fails()
    await heard.day(1)
    shuffled = Manner(repeat=3, reordered=True)
    await heard.stage.sandbox.sendgrid.report(
        _first(ada), "processed", "deferred", "delivered", "bounce", manner=shuffled
    )
    await heard.stage.settle()
    await heard.stage.sandbox.sendgrid.report(_first(ada), "deferred", "delivered")
    await heard.stage.settle()
    assert await _deliveries(ada) == [("first", "email", "bounced", "5.1.1")]
    assert len(await _suppressed(heard.stage)) == 1
    kept = await rows(heard.stage, "SELECT status FROM reports ORDER BY status")
    assert [row["status"] for row in kept] == [
        "bounced",
        "deferred",
        "deferred",
        "delivered",
        "delivered",
        "processed",
    ]


async def test_forged_reports_change_nothing(heard: Teller) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email)
    await ada.fails()
    await heard.day(1)
    sent = await heard.stage.sandbox.sendgrid.report(
        _first(ada), "bounce", manner=Manner(forge=True)
    )
    assert [attempt.status for post in sent for attempt in post.attempts] == [401]
    await heard.stage.settle()
    assert await _deliveries(ada) == [("first", "email", None, None)]
    assert await _suppressed(heard.stage) == []
    assert await _statuses(heard.stage) == {"sendgrid": set(), "twilio": set()}


async def test_a_report_about_a_message_of_somebody_else_is_kept_and_listed(
    heard: Teller,
) -> None:
    ada = await heard.invoice()
    heard.stage.sandbox.sendgrid.set_fate(ada.email)
    await ada.fails()
    await heard.day(1)
    stranger = _first(ada).model_copy(
        update={"custom_args": {"dunning_message_id": "another"}, "vendor_id": "elsewhere"}
    )
    await heard.stage.sandbox.sendgrid.report(stranger, "bounce")
    await heard.stage.settle()
    (parked,) = await heard.stage.stores.inbox.find_events(status=EventStatus.PARKED)
    assert (parked.source, parked.name, parked.note) == (
        "sendgrid",
        "bounce",
        "no message of ours has the id that this report names",
    )
    assert await _suppressed(heard.stage) == []


async def test_a_text_without_a_report_is_asked_for(heard: Teller) -> None:
    stage, ada = heard.stage, await heard.invoice()
    silent = TextFate(status="undelivered", error_code=30006, reports=False)
    stage.sandbox.twilio.set_fate(ada.phone, silent)
    await ada.fails()
    await heard.day(7)
    async with _sweep(stage) as sweep:
        assert await sweep.once() == 0
        assert (await _deliveries(ada))[-1] == ("text", "sms", None, None)
        await rows(stage, _AN_HOUR_LATER)
        assert (await sweep.once(), await sweep.once()) == (1, 0)
        await stage.settle()
        assert await sweep.once() == 0
    assert (await _deliveries(ada))[-1] == ("text", "sms", "undelivered", "30006")
    assert [(reach["channel"], reach["reason"]) for reach in await _suppressed(stage)] == [
        ("sms", "bad_address")
    ]


async def test_a_vendor_that_cannot_be_asked_is_asked_later(heard: Teller) -> None:
    stage, ada = heard.stage, await heard.invoice()
    stage.sandbox.twilio.set_fate(ada.phone, "silent")
    await ada.fails()
    await heard.day(7)
    await rows(stage, _AN_HOUR_LATER)
    broken = Fault(kind=FaultKind.STATUS, status=500)
    stage.sandbox.faults.plan(Vendor.TWILIO, broken, operation=Operation.READ)
    async with _sweep(stage) as sweep:
        with pytest.raises(ProviderUnavailableError):
            await sweep.once()
        await sweep.once()
        assert await sweep.once() == 1
    await stage.settle()
    assert (await _deliveries(ada))[-1] == ("text", "sms", "delivered", None)


@asynccontextmanager
async def _sweep(stage: Stage) -> AsyncGenerator[ReportSweep]:
    """The sweep as the web process runs it, without its pauses."""
    stores = stage.stores
    given = Feedback(
        inbox=stores.inbox,
        reports=stores.reports,
        sweeps=Sweeps(stores.database),
        arrived=asyncio.Event(),
    )
    texts = senders.text(stage.settings, clock.now)
    sweep = listening(stage.settings, given, texts, now=clock.now).sweep
    assert sweep is not None
    assert texts is not None
    sweep.rest = timedelta(0)
    await rows(stage, _AND_THE_TURN_IS_FREE)
    async with texts:
        yield sweep


async def test_a_new_address_leads_an_unreachable_case_back_into_its_campaign(
    heard: Teller,
) -> None:
    ada = await heard.invoice(customer={"phone": None})
    heard.stage.sandbox.sendgrid.set_fate(ada.email, "processed", "bounce")
    await ada.fails()
    await heard.day(1)
    assert (await ada.told()).standing == "review: unreachable"

    mended = f"mended-{ada.email}"
    await ada.register(customer={"phone": None, "email": mended})

    case = await ada.case()
    assert (case["state"], case["closed_channels"]) == ("waiting", [])
    await heard.day(5)
    assert [m.channel for m in heard.stage.sandbox.messages.find(to=mended)] == [Channel.EMAIL]
