"""What becomes of an email when its vendor fails in one way or another?"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.demo.stage import Stage
from app.embedded.process import free_port
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, REMINDER, TEXT
from tests.stories.workers import hasty_worker

_UNKNOWN = ("first: unknown, no answer from the vendor",)
_LATER = (f"day 4: {REMINDER}", f"day 6: {TEXT}")


def _refused(status: int, **headers: str) -> Fault:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(kind=FaultKind.STATUS, status=status, headers=names)


def _dropped(when: Moment, *, reset: bool = False) -> Fault:
    return Fault(kind=FaultKind.DROP, when=when, reset=reset)


async def _play(tell: Teller, faults: dict[str, tuple[Fault, ...]]) -> dict[str, Invoice]:
    """Every fault meets the first email of its own invoice."""
    invoices = {name: await tell.invoice() for name in faults}
    for name, invoice in invoices.items():
        tell.stage.sandbox.faults.plan(Vendor.SENDGRID, *faults[name], to=invoice.email)
        await invoice.fails()
    await tell.day(7)
    return invoices


async def test_what_was_certainly_refused_is_sent_again_and_arrives_once(tell: Teller) -> None:
    invoices = await _play(
        tell,
        {
            "busy for seconds": (_refused(429, Retry_After="1"),),
            "busy for two hours": (_refused(429, Retry_After="7200"),),
            "busy without saying how long": (_refused(429), _refused(429)),
            "timed out at the door": (_refused(408),),
        },
    )
    expected = Told(inbox=(f"day 0: {FIRST}", *_LATER), standing="waiting")
    told = {name: await invoice.told() for name, invoice in invoices.items()}
    assert told == dict.fromkeys(invoices, expected)
    waited = {name: await _delay(invoice) for name, invoice in invoices.items()}
    assert waited["busy for seconds"] < timedelta(minutes=1)
    assert timedelta(hours=2) <= waited["busy for two hours"] < timedelta(hours=2, minutes=1)
    assert waited["busy without saying how long"] < timedelta(minutes=1)


async def _delay(invoice: Invoice) -> timedelta:
    """How much later than planned the first email arrived."""
    first, *_ = (await invoice.case())["messages"]
    return invoice.arrived()[0].arrived_at - datetime.fromisoformat(first["due_at"])


async def test_what_may_have_arrived_is_never_sent_again_and_the_campaign_goes_on(
    tell: Teller,
) -> None:
    lost = Told(inbox=_LATER, held=_UNKNOWN, standing="waiting")
    taken = Told(inbox=(f"day 0: {FIRST}", *_LATER), held=_UNKNOWN, standing="waiting")
    faults: dict[str, tuple[tuple[Fault, ...], Told]] = {
        "500": ((_refused(500),), lost),
        "503": ((_refused(503, Retry_After="60"),), lost),
        "dropped before": ((_dropped(Moment.BEFORE),), lost),
        "reset before": ((_dropped(Moment.BEFORE, reset=True),), lost),
        "500 after it was taken": (
            (Fault(kind=FaultKind.STATUS, status=500, when=Moment.AFTER),),
            taken,
        ),
        "dropped after it was taken": ((_dropped(Moment.AFTER),), taken),
        "reset after it was taken": ((_dropped(Moment.AFTER, reset=True),), taken),
    }
    invoices = await _play(tell, {name: each for name, (each, _) in faults.items()})
    told = {name: await invoice.told() for name, invoice in invoices.items()}
    assert told == {name: expected for name, (_, expected) in faults.items()}


async def test_an_answer_that_does_not_come_in_time_leaves_the_email_unknown(idle: Stage) -> None:
    tell = Teller.of(idle)
    slow = Fault(kind=FaultKind.DELAY, delay_s=1.2)
    async with hasty_worker(idle):
        invoices = await _play(
            tell,
            {
                "slow to take it": (slow,),
                "slow to say so": (slow.model_copy(update={"when": Moment.AFTER}),),
            },
        )
        assert await invoices["slow to say so"].told() == Told(
            inbox=(f"day 0: {FIRST}", *_LATER), held=_UNKNOWN, standing="waiting"
        )
        late = invoices["slow to take it"]
        await idle.sandbox.messages.wait_for(2, to=late.email)
        assert sorted(m.subject for m in late.arrived() if m.subject) == [REMINDER, FIRST]
        assert (await late.told()).held == _UNKNOWN


async def test_a_vendor_that_cannot_be_reached_gets_the_email_when_it_can(idle: Stage) -> None:
    tell, there = Teller.of(idle), idle.settings
    nobody = f"http://127.0.0.1:{free_port()}"
    idle.settings = there.model_copy(update={"sendgrid_base_url": nobody})
    ada = tell.unregistered()
    async with idle.working():
        await ada.register()
        await ada.fails()
        await tell.day(3)
        assert await ada.told() == Told(inbox=(), standing="waiting")
        (first,) = await rows(idle, "SELECT status FROM messages WHERE step = 'monthly.first'")
        assert first == {"status": "planned"}
    idle.settings = there
    async with idle.working():
        await tell.day(7)
        assert await ada.told() == Told(
            inbox=(f"day 3: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}"), standing="waiting"
        )
