"""What becomes of a text when its vendor fails in one way or another, and can be asked later?"""

from __future__ import annotations

from app.demo.stage import Stage
from app.embedded.process import free_port
from sandbox.faults import Fault, FaultKind, FaultMode, Moment, Operation, Vendor
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, REMINDER, TEXT
from tests.stories.workers import hasty_worker

_BEFORE = (f"day 0: {FIRST}", f"day 4: {REMINDER}")
_SENT = Told(inbox=(*_BEFORE, f"day 6: {TEXT}", f"day 9: {REMINDER}"), standing="waiting")
_LOST = Told(
    inbox=(*_BEFORE, f"day 9: {REMINDER}"),
    held=("text: unknown, no answer from the vendor",),
    standing="waiting",
)
_DROPPED = Fault(kind=FaultKind.DROP)
_SLOW = Fault(kind=FaultKind.DELAY, delay_s=1.2)
_BROKEN = Fault(kind=FaultKind.STATUS, status=500)


def _after(fault: Fault) -> Fault:
    return fault.model_copy(update={"when": Moment.AFTER})


def _busy(seconds: int) -> Fault:
    return Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": str(seconds)})


async def _play(tell: Teller, faults: dict[str, tuple[Fault, ...]]) -> dict[str, Invoice]:
    """Every fault meets the text of its own invoice."""
    invoices = {name: await tell.invoice() for name in faults}
    for name, invoice in invoices.items():
        tell.stage.sandbox.faults.plan(Vendor.TWILIO, *faults[name], to=invoice.phone)
        await invoice.fails()
    await tell.day(10)
    return invoices


async def test_what_was_certainly_refused_is_sent_again_and_arrives_once(tell: Teller) -> None:
    invoices = await _play(
        tell,
        {
            "busy for seconds": (_busy(5),),
            "busy for two hours": (_busy(7200),),
            "busy again and again": (_busy(20), _busy(20), _busy(20)),
            "wrong key for a while": (Fault(kind=FaultKind.STATUS, status=401),),
        },
    )
    told = {name: await invoice.told() for name, invoice in invoices.items()}
    assert told == dict.fromkeys(invoices, _SENT)


async def test_a_text_without_an_answer_is_looked_for_at_the_vendor(tell: Teller) -> None:
    faults: dict[str, tuple[Fault, Told]] = {
        "500": (_BROKEN, _LOST),
        "dropped before": (_DROPPED, _LOST),
        "500 after it was taken": (_after(_BROKEN), _SENT),
        "dropped after it was taken": (_after(_DROPPED), _SENT),
        "reset after it was taken": (
            Fault(kind=FaultKind.DROP, when=Moment.AFTER, reset=True),
            _SENT,
        ),
    }
    invoices = await _play(tell, {name: (fault,) for name, (fault, _) in faults.items()})
    told = {name: await invoice.told() for name, invoice in invoices.items()}
    assert told == {name: expected for name, (_, expected) in faults.items()}


async def test_a_search_that_fails_is_made_again_before_anything_is_given_up(
    tell: Teller,
) -> None:
    found, given_up = await tell.invoice(), await tell.invoice()
    faults = tell.stage.sandbox.faults
    for invoice in (found, given_up):
        faults.plan(Vendor.TWILIO, _after(_DROPPED), to=invoice.phone)
    await found.fails()
    faults.plan(Vendor.TWILIO, _BROKEN, _BROKEN, operation=Operation.READ)
    await tell.day(10)
    assert await found.told() == _SENT
    await given_up.fails()
    faults.plan(Vendor.TWILIO, _BROKEN, mode=FaultMode.STICKY, operation=Operation.READ)
    await tell.day(20)
    assert "text: unknown, no answer from the vendor" in (await given_up.told()).held


async def test_an_answer_that_does_not_come_in_time_is_looked_for(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with hasty_worker(idle):
        invoices = await _play(
            tell, {"slow to take it": (_SLOW,), "slow to say so": (_after(_SLOW),)}
        )
        assert await invoices["slow to say so"].told() == _SENT
        late = invoices["slow to take it"]
        assert len(await idle.sandbox.messages.wait_for(1, to=late.phone)) == 1
        assert (await late.told()).held == _LOST.held


async def test_a_vendor_that_cannot_be_reached_gets_the_text_when_it_can(idle: Stage) -> None:
    tell, there = Teller.of(idle), idle.settings
    nobody = f"http://127.0.0.1:{free_port()}"
    idle.settings = there.model_copy(update={"twilio_base_url": nobody})
    ada = tell.unregistered()
    async with idle.working():
        await ada.register()
        await ada.fails()
        await tell.day(7)
        assert await ada.told() == Told(inbox=_BEFORE, standing="waiting")
        (text,) = await rows(idle, "SELECT status FROM messages WHERE step = 'monthly.text'")
        assert text == {"status": "planned"}
    idle.settings = there
    async with idle.working():
        await tell.day(8)
        assert await ada.told() == Told(inbox=(*_BEFORE, f"day 7: {TEXT}"), standing="waiting")
