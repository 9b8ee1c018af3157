"""Can the demo be played on whatever day and hour somebody tries it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from activities.zones import whereabouts
from app.demo.places import next_holiday
from app.demo.stories import stories
from dunning.channel import Channel
from dunning.directory import Contact
from dunning.hours import Holidays, OnHolidays, Windows
from dunning.windows import is_open

_DAY = timedelta(days=1)
_STARTS = [datetime(2026, 1, 1, 9, 30, tzinfo=UTC) + number * _DAY for number in range(1460)]
_HOURS = [datetime(2026, 11, 23, hour, 30, tzinfo=UTC) for hour in range(24)]
# France has its own word on holidays.
_ON_HOLIDAYS_TOO = Windows(holidays=Holidays(sms=OnHolidays.ALLOW), jurisdictions=False)


def test_from_every_day_on_there_is_a_holiday_that_alone_holds_a_text_back() -> None:
    for start in _STARTS:
        day = next_holiday(start)
        contact = Contact(customer_id="-", phone=day.place.phone, timezone=day.place.zone)
        where = whereabouts(contact, "UTC")
        assert start < day.at <= start + 35 * _DAY, day
        assert is_open(_ON_HOLIDAYS_TOO, Channel.SMS, where, day.at), day
        assert not is_open(Windows(), Channel.SMS, where, day.at), day


def test_nothing_happens_before_the_start_or_after_the_end() -> None:
    for start in (*_STARTS[::30], *_HOURS):
        moments = [moment.after for story in stories(start) for moment in story.moments]
        assert timedelta(0) <= min(moments) <= max(moments) < 50 * _DAY


def test_the_text_at_night_would_ring_at_night() -> None:
    for start in _HOURS:
        (night,) = [story for story in stories(start) if story.title.endswith(" night")]
        assert night.text_due is not None
        local = night.text_due.astimezone(ZoneInfo(night.invoice["customer"]["timezone"]))
        assert local.hour in {22, 23, 0, 1, 2, 3, 4, 5}


def test_no_two_customers_share_an_address() -> None:
    for start in (*_STARTS[::30], *_HOURS):
        people = {c["id"]: c for c in (s.invoice["customer"] for s in stories(start))}
        for kind in ("email", "phone"):
            known = [c[kind] for c in people.values() if kind in c]
            assert len(known) == len(set(known)), known
