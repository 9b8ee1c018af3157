"""Does a customer who chose a day on the page hear nothing until it is over (R11)?"""

from __future__ import annotations

import re
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.inbox import Channel
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER

CONFIRMED = "Example has noted your payment date"
BROKEN = "Your payment to Example: your date has passed"
_OPTION = re.compile(r'<option value="(\d{4}-\d\d-\d\d)">')


async def _page(ada: Invoice) -> tuple[str, str]:
    """The link in the first email, and the page behind it."""
    email = next(m for m in ada.arrived() if m.channel is Channel.EMAIL)
    link = re.search(r"http://\S+/p/\S+", email.text)
    assert link
    async with ada.stage.http.get(link[0], headers={"Authorization": ""}) as answer:
        assert answer.status == HTTPStatus.OK
        return link[0], await answer.text()


async def _choose(ada: Invoice, link: str, day: date | str) -> tuple[int, str]:
    url, form = f"{link}/promise", {"day": str(day)}
    async with ada.stage.http.post(url, data=form, headers={"Authorization": ""}) as answer:
        text = await answer.text()
    await ada.stage.settle()
    return answer.status, text


def _local(tell: Teller, day: int) -> date:
    return (tell.midnight + timedelta(days=day)).date()


async def _kinds(tell: Teller) -> list[str]:
    found = await rows(
        tell.stage,
        "SELECT kind FROM audit WHERE kind LIKE 'promise.%' OR kind IN "
        "('case.promised', 'order.promise') ORDER BY id",
    )
    return [row["kind"] for row in found]


async def _promises(ada: Invoice) -> Any:
    case = await ada.case()
    return case["promise_day"], case["promise_status"]


async def test_a_promise_that_is_kept_ends_in_a_receipt(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    link, page = await _page(ada)
    days = _OPTION.findall(page)
    assert days == [str(_local(tell, number)) for number in range(2, 16)]

    status, said = await _choose(ada, link, days[8])

    assert (status, "Thank you. We will not remind you" in said) == (200, True)
    assert await _promises(ada) == (days[8], "open")
    assert "<select" not in (await _page(ada))[1]
    await tell.day(10)
    silent = (f"day 0: {FIRST}", f"day 1: {CONFIRMED}")
    assert await ada.told() == Told(inbox=silent, standing="promised")
    await ada.pays()
    assert await ada.told() == Told(
        inbox=(*silent, f"day 10: {RECEIPT}"), standing="recovered by revtain_retry"
    )
    assert await _promises(ada) == (days[8], "kept")
    assert await _kinds(tell) == ["order.promise", "case.promised", "promise.kept"]


async def test_a_broken_promise_is_said_once_and_the_campaign_goes_on(tell: Teller) -> None:
    bob = await tell.invoice()
    await bob.fails()
    await tell.day(1)
    link, _ = await _page(bob)
    await _choose(bob, link, _local(tell, 10))
    await tell.day(15, hour=20)

    told = await bob.told()

    assert told.inbox == (
        f"day 0: {FIRST}",
        f"day 1: {CONFIRMED}",
        f"day 13: {BROKEN}",
        f"day 15: {REMINDER}",
    )
    assert told.standing == "waiting"
    assert await _promises(bob) == (str(_local(tell, 10)), "broken")
    assert await _kinds(tell) == ["order.promise", "case.promised", "promise.broken"]
    status, said = await _choose(bob, link, _local(tell, 20))
    assert (status, "cannot be noted any more" in said) == (409, True)
    assert "takes" in await bob.refuses("promise", day=str(_local(tell, 20)))


async def test_a_second_choice_changes_nothing(tell: Teller) -> None:
    eve = await tell.invoice()
    await eve.fails()
    await tell.day(1)
    link, _ = await _page(eve)
    assert [(await _choose(eve, link, _local(tell, 5)))[0] for _ in range(2)] == [200, 200]
    assert (await _choose(eve, link, _local(tell, 9)))[0] == 409
    assert await _promises(eve) == (str(_local(tell, 5)), "open")
    assert (await eve.told()).inbox == (f"day 0: {FIRST}", f"day 1: {CONFIRMED}")


async def test_a_day_in_tokyo_is_over_when_it_is_over_in_tokyo(tell: Teller) -> None:
    yui = await tell.invoice(customer={"timezone": "Asia/Tokyo", "phone": None})
    await yui.fails()
    await tell.day(2)
    _, page = await _page(yui)
    here = tell.stage.now.astimezone(ZoneInfo("Asia/Tokyo")).date()
    days = [date.fromisoformat(one) for one in _OPTION.findall(page)]
    assert (days[0], days[-1]) == (here + timedelta(days=1), here + timedelta(days=14))
    await yui.order("promise", day=str(days[3]))
    case = await yui.case()
    # Midnight in Tokyo is three in the afternoon of the day before in UTC; the grace is two days.
    assert case["promise_until"] == f"{days[3] + timedelta(days=2)}T15:00:00Z"


async def test_a_stop_and_an_extension_leave_the_promise_as_it_is(tell: Teller) -> None:
    kim = await tell.invoice()
    await kim.fails()
    await tell.day(1)
    await kim.order("promise", day=str(_local(tell, 4)), note="on the phone")
    await tell.stage.sandbox.twilio.reply(kim.phone, "STOP")
    await tell.stage.settle()
    assert (await kim.case())["state"] == "promised"
    await kim.order("extend", days=3)
    await tell.day(9)
    assert (await kim.told()).inbox == (f"day 0: {FIRST}", f"day 1: {CONFIRMED}")
    await kim.order("pause")
    await tell.day(12)
    assert await _promises(kim) == (str(_local(tell, 4)), "broken")
    assert await kim.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 1: {CONFIRMED}"), standing="paused"
    )
