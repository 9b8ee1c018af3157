"""What is made up for after a silence, and what is not (R8)?"""

from __future__ import annotations

from sandbox.faults import Fault, FaultKind, FaultMode, Vendor
from tests.stories.telling import Teller
from tests.stories.witnesses import Told
from tests.stories.words import FINAL, FIRST, REMINDER, TEXT


async def test_after_a_pause_of_a_fortnight_only_the_latest_message_is_made_up_for(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    await ada.order("pause", note="asked for time")
    await tell.day(16)
    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="paused")
    await ada.order("resume")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 16: {REMINDER}", f"day 22: {FINAL}"),
        held=(
            "second: overtaken, overtaken by monthly.fourth",
            "text: overtaken, overtaken by monthly.fourth",
            "third: overtaken, overtaken by monthly.fourth",
        ),
        standing="written_off",
    )


async def test_a_vendor_that_is_away_for_days_holds_back_its_own_channel_only(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(3)
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, _busy(hours=1), mode=FaultMode.STICKY)
    await tell.day(11)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 6: {TEXT}"),
        held=("second: overtaken, overtaken by monthly.text",),
        standing="waiting",
    )
    tell.stage.sandbox.faults.clear()
    await tell.day(60)
    told = await ada.told()
    # The pauses between tries have grown to hours: the last may end after the window has closed.
    assert told.inbox[2] in (f"day 11: {REMINDER}", f"day 12: {REMINDER}")
    assert told == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 6: {TEXT}",
            told.inbox[2],
            f"day 15: {REMINDER}",
            f"day 22: {FINAL}",
        ),
        held=("second: overtaken, overtaken by monthly.text",),
        standing="written_off",
    )


async def test_a_vendor_that_stays_away_for_good_ends_in_front_of_a_person(tell: Teller) -> None:
    ada = await tell.invoice()
    for vendor in (Vendor.SENDGRID, Vendor.TWILIO):
        tell.stage.sandbox.faults.plan(vendor, _busy(hours=12), mode=FaultMode.STICKY)
    await ada.fails()
    await tell.day(28)
    assert await ada.told() == Told(inbox=(), standing="review: campaign_over")
    await tell.day(60)
    assert await ada.told() == Told(inbox=(), standing="written_off")


async def test_a_message_that_was_put_off_keeps_its_distance_from_the_next(tell: Teller) -> None:
    """The email of day 4 goes early on day 6; the text of that day waits for the next one."""
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(3)
    busy = [_busy(hours=24), _busy(hours=12)]
    tell.stage.sandbox.faults.plan(Vendor.SENDGRID, *busy, to=ada.email)
    await tell.day(7)
    assert (await ada.told()).inbox == (
        f"day 0: {FIRST}",
        f"day 6: {REMINDER}",
        f"day 7: {TEXT}",
    )


def _busy(hours: int) -> Fault:
    headers = {"Retry-After": str(hours * 3600)}
    return Fault(kind=FaultKind.STATUS, status=429, headers=headers)
