"""Is every message in the recipient's waking hours (windows, validity, receipts)?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from app.demo.stage import Stage
from dunning.public_holidays import is_holiday
from sandbox.inbox import Channel
from tests.stories.telling import Teller
from tests.stories.witnesses import Told
from tests.stories.words import FINAL, FIRST, RECEIPT, REMINDER, TEXT

_LATE_EVENING = 22
_SATURDAY, _SUNDAY = 5, 6


def _text_opens(tell: Teller, day: int) -> int:
    return 12 if tell.at(day).weekday() == _SUNDAY else 9


async def test_a_campaign_that_begins_in_the_evening_waits_for_every_morning(stage: Stage) -> None:
    tell = Teller.of(stage, hour=_LATE_EVENING)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 1: {FIRST}",
            f"day 5: {REMINDER}",
            f"day 7: {TEXT}",
            f"day 10: {REMINDER}",
            f"day 16: {REMINDER}",
            f"day 23: {FINAL}",
        ),
        standing="written_off",
    )
    first, *_, text, _, _, _ = ada.arrived()
    assert first.arrived_at.astimezone(tell.midnight.tzinfo).hour == 8
    assert text.channel is Channel.SMS
    assert text.arrived_at.astimezone(tell.midnight.tzinfo).hour == _text_opens(tell, 7)


@pytest.mark.parametrize(
    ("hour", "seconds"), [(19.5, 1800.0), (18.25, 6300.0), (15.0, 18_000.0), (12.5, 27_000.0)]
)
async def test_a_carrier_may_hold_a_text_no_longer_than_the_recipient_is_awake(
    tell: Teller, hour: float, seconds: float
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1, hour)
    await ada.order("send-now", step="monthly.text")
    (text,) = (m for m in ada.arrived() if m.channel is Channel.SMS)
    assert seconds - 30 < float(str(text.payload["ValidityPeriod"])) <= seconds


async def test_a_text_to_rhode_island_ends_with_the_hours_of_that_state(tell: Teller) -> None:
    """The policy closes at 20:00, the state at 18:00 on weekdays."""
    ada = await tell.invoice(customer={"phone": "+14015550123"})
    await ada.fails()
    day = next(day for day in range(1, 9) if _works(tell, day))
    await tell.day(day, hour=17.5)
    await ada.order("send-now", step="monthly.text")
    (text,) = tell.stage.sandbox.messages.find(to="+14015550123")
    assert 1770 < float(str(text.payload["ValidityPeriod"])) <= 1800


def _works(tell: Teller, day: int) -> bool:
    date = tell.at(day).date()
    return date.weekday() < _SATURDAY and not is_holiday(("US", "US-RI"), date)


async def test_a_text_is_held_for_ten_hours_at_most(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    day = next(day for day in (1, 2) if tell.at(day).weekday() != _SUNDAY)
    await tell.day(day, hour=9.1)
    await ada.order("send-now", step="monthly.text")
    (text,) = (m for m in ada.arrived() if m.channel is Channel.SMS)
    assert text.payload["ValidityPeriod"] == "36000"


async def test_a_text_that_has_less_than_ten_minutes_left_waits_for_the_next_day(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1, hour=19.9)
    await ada.order("send-now", step="monthly.text")
    await tell.day(1, hour=23)
    assert (await ada.told()).inbox == (f"day 0: {FIRST}",)
    await tell.day(2)
    assert (await ada.told()).inbox == (f"day 0: {FIRST}", f"day 2: {TEXT}")


async def test_a_receipt_for_money_that_comes_at_night_waits_for_the_morning(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(2, hour=23)
    await ada.pays()
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}",), standing="recovered by revtain_retry"
    )
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 3: {RECEIPT}"), standing="recovered by revtain_retry"
    )


async def test_a_customer_of_whom_only_the_country_is_known_is_texted_when_all_of_it_is_awake(
    tell: Teller,
) -> None:
    """A Spanish number may be on the mainland or on the Canaries, an hour behind."""
    ada = await tell.invoice(customer={"timezone": None, "phone": "+34612345678"})
    await ada.fails()
    await tell.day(10)
    texts = tell.stage.sandbox.messages.find(to="+34612345678")
    zones = [ZoneInfo(name) for name in ("Europe/Madrid", "Atlantic/Canary")]
    hours = [text.arrived_at.astimezone(zone).hour for text in texts for zone in zones]
    assert len(texts) == 1
    assert all(9 <= hour < 20 for hour in hours)
