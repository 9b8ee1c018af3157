"""What becomes of the service when a debt is given up, and who hears of it when?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.demo.stage import Stage
from app.policy_file import default_policy_text
from dunning.outgoing import Kind
from store.outgoing import OutgoingStatus
from tests.doors.shop import Shop, open_shop
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import SILENT_MONTH

if TYPE_CHECKING:
    from pathlib import Path

    from app.embedded.temporal import TemporalDevServer

ENDING = "Your service from Example is about to end"
ENDED = "Your service from Example has ended"
PAUSING = "Your service from Example is about to be paused"
PAUSED = "Your service from Example is paused"
_KINDS = (
    *(Kind.CASE_REVIEW, Kind.REVIEW_ROUND, Kind.CASE_WRITTEN_OFF, Kind.CASE_HANDED_OVER),
    *(Kind.CASE_STOPPED, Kind.CASE_CANCELLED, Kind.CASE_PAID_AFTER_CLOSE),
    *(Kind.SERVICE_ENDING, Kind.SERVICE_ENDED, Kind.SERVICE_KEPT, Kind.PAYMENT_RECEIVED),
)


class Ends:
    """The product under policies with an end of their own, and the merchant who listens."""

    def __init__(self, folder: Path, database_url: str, temporal: TemporalDevServer) -> None:
        self._folder, self._database_url, self._temporal = folder, database_url, temporal

    def policy(self, end: str) -> str:
        text = default_policy_text()
        before, found, after = text.partition("\nend:")
        assert found
        _, _, rest = after.partition("\n\n")
        file = self._folder / "policy.yaml"
        file.write_text(f"{before}\nend: {{{end}}}\n\n{rest}", encoding="utf-8")
        return str(file)

    def open(self, end: str) -> Any:
        return Stage.open(
            self._database_url, self._temporal.address, DUNNING_POLICY=self.policy(end)
        )


@pytest.fixture
def ends(tmp_path: Path, database_url: str, temporal: TemporalDevServer) -> Ends:
    return Ends(tmp_path, database_url, temporal)


@pytest.fixture
async def tell(ends: Ends, request: pytest.FixtureRequest) -> AsyncGenerator[Teller]:
    """Services are cancelled, unless a story says otherwise."""
    async with ends.open(getattr(request, "param", "service: cancel")) as stage:
        yield Teller.of(stage)
        await stage.end_all()


@pytest.fixture
async def shop() -> AsyncGenerator[Shop]:
    async with open_shop() as opened:
        yield opened


async def listen(stage: Stage, shop: Shop) -> None:
    _, secret = await stage.stores.endpoints.add(shop.url, kinds=_KINDS)
    shop.secrets.append(secret)


async def heard(stage: Stage, shop: Shop, invoice: Invoice) -> list[str]:
    """What the merchant was told of an invoice, in order."""

    async def nothing_due() -> bool:
        return not (await stage.stores.outgoing.counts())[OutgoingStatus.DUE]

    await eventually(nothing_due, within=20)
    return [got.body["type"] for got in shop.got if got.body["data"]["invoice_id"] == invoice.id]


async def service(invoice: Invoice) -> tuple[str | None, str | None]:
    case = await invoice.case()
    return case["service"], case["service_status"]


async def ends_on(tell: Teller, invoice: Invoice) -> int | None:
    """The day of the story on which the service ends."""
    at = (await invoice.case())["service_ends_at"]
    if at is None:
        return None
    local = datetime.fromisoformat(at).astimezone(tell.midnight.tzinfo)
    return (local.date() - tell.midnight.date()).days


async def alerts(stage: Stage) -> list[str]:
    return [r["kind"] for r in await rows(stage, "SELECT kind FROM alerts ORDER BY id")]


def letter(invoice: Invoice, subject: str) -> str:
    (found,) = [m for m in invoice.arrived() if m.subject == subject]
    return " ".join(found.text.split())


def written(tell: Teller, day: int) -> str:
    """A day of the story as an American reads it."""
    date = (tell.midnight + timedelta(days=day)).date()
    return f"{date:%A, %B} {date.day}, {date.year}"


# --- nobody decides


async def test_a_service_is_cancelled_after_two_notices_and_five_days(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(26)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="review: campaign_over")
    await tell.day(29)
    assert (await ada.told()).inbox == (*SILENT_MONTH, f"day 27: {ENDING}")
    assert f"ends on {written(tell, 32)}" in letter(ada, ENDING)
    assert await service(ada) == (None, None)
    await tell.day(33)
    assert await ada.told() == Told(
        inbox=(*SILENT_MONTH, f"day 27: {ENDING}", f"day 32: {ENDED}"), standing="written_off"
    )
    assert (await service(ada), await ends_on(tell, ada)) == (("cancel", "ended"), 32)
    assert await heard(tell.stage, shop, ada) == [
        "case.review",
        "review.round",
        "case.written_off",
        "service.ending",
        "service.ended",
    ]


@pytest.mark.parametrize("tell", ["service: cancel, grace: 7d"], indirect=True)
async def test_the_grace_is_access_after_the_case_has_closed(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(33)
    assert (await ada.told()).standing == "written_off"
    assert (await service(ada), await ends_on(tell, ada)) == (("cancel", "ending"), 39)
    assert f"ends on {written(tell, 39)}" in letter(ada, ENDING)
    await tell.day(40)
    assert (await ada.told()).inbox[-2:] == (f"day 27: {ENDING}", f"day 39: {ENDED}")
    assert await service(ada) == ("cancel", "ended")


@pytest.mark.parametrize("tell", ["service: pause, notice: 3d"], indirect=True)
async def test_a_service_that_is_paused_is_never_said_to_end(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(33)
    assert (await ada.told()).inbox[len(SILENT_MONTH) :] == (
        f"day 29: {PAUSING}",
        f"day 32: {PAUSED}",
    )
    assert f"paused on {written(tell, 32)}" in letter(ada, PAUSING)
    assert await service(ada) == ("pause", "ended")


@pytest.mark.parametrize("tell", ["service: keep"], indirect=True)
async def test_a_service_that_is_kept_is_not_spoken_of(tell: Teller, shop: Shop) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")
    assert await service(ada) == (None, None)
    assert "service.ending" not in await heard(tell.stage, shop, ada)


@pytest.mark.parametrize("said", ["manual_review", "blocked"])
async def test_of_what_nobody_decided_on_only_the_merchant_hears(
    tell: Teller, shop: Shop, said: str
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await (ada.is_blocked() if said == "blocked" else ada.fails(said))
    await tell.day(30)
    assert await ada.told() == Told(inbox=(), standing="written_off")
    assert await ends_on(tell, ada) == 15
    assert (await heard(tell.stage, shop, ada))[-3:] == [
        "case.written_off",
        "service.ending",
        "service.ended",
    ]


# --- somebody decides


@pytest.mark.parametrize("decision", ["write_off", "hand_over"])
async def test_a_decision_is_told_to_the_customer_at_once(
    tell: Teller, shop: Shop, decision: str
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await tell.day(1)
    await ada.order("decide", decision=decision)
    assert (await ada.told()).inbox == (f"day 1: {ENDING}",)
    assert f"ends on {written(tell, 6)}" in letter(ada, ENDING)
    await tell.day(5)
    assert (await service(ada), await ends_on(tell, ada)) == (("cancel", "ending"), 6)
    await tell.day(7)
    outcome = {"write_off": "written_off", "hand_over": "handed_over"}[decision]
    assert await ada.told() == Told(inbox=(f"day 1: {ENDING}", f"day 6: {ENDED}"), standing=outcome)
    assert await heard(tell.stage, shop, ada) == [
        "case.review",
        f"case.{outcome}",
        "service.ending",
        "service.ended",
    ]


async def test_a_notice_that_has_to_wait_for_the_morning_holds_the_end_off(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await tell.day(1, 22)
    await ada.order("decide", decision="write_off")
    assert (await ada.told()).inbox == ()
    await tell.day(8)
    assert (await ada.told()).inbox == (f"day 2: {ENDING}", f"day 7: {ENDED}")
    assert f"ends on {written(tell, 7)}" in letter(ada, ENDING)


@pytest.mark.parametrize("order", [("stop", {}), ("decide", {"decision": "stop"})])
async def test_a_stop_is_silent_and_keeps_the_service(
    tell: Teller, shop: Shop, order: tuple[str, dict[str, str]]
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await tell.day(1)
    name, fields = order
    await ada.order(name, **fields)
    await tell.day(30)
    assert await ada.told() == Told(inbox=(), standing="stopped")
    assert await heard(tell.stage, shop, ada) == ["case.review", "case.stopped"]


async def test_more_time_takes_the_end_along_and_says_the_new_date_once(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(28)
    await ada.order("decide", decision="extend")
    await tell.day(50)
    # Five days more for the campaign, and then a review of two rounds again.
    assert (await ada.told()).inbox[len(SILENT_MONTH) :] == (
        f"day 27: {ENDING}",
        f"day 38: {ENDING}",
        f"day 43: {ENDED}",
    )
    first, second = [" ".join(m.text.split()) for m in ada.arrived() if m.subject == ENDING]
    assert f"ends on {written(tell, 32)}" in first
    assert f"ends on {written(tell, 43)}" in second


# --- the money comes after all


@pytest.mark.parametrize("tell", ["service: cancel, grace: 7d"], indirect=True)
@pytest.mark.parametrize("how", ["success", "paid", "void"])
async def test_money_between_ending_and_end_keeps_the_service(
    tell: Teller, shop: Shop, how: str
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(35)
    await (ada.pays() if how == "success" else ada.post(how))
    late = "" if how == "void" else ", paid after that"
    assert await service(ada) == ("cancel", "kept")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(*SILENT_MONTH, f"day 27: {ENDING}"), standing=f"written_off{late}"
    )
    assert (await heard(tell.stage, shop, ada))[3:] == [
        "service.ending",
        *(["payment.received"] if how == "success" else []),
        *([] if how == "void" else ["case.paid_after_close"]),
        "service.kept",
    ]
    assert ("paid_after_close" in await alerts(tell.stage)) is (how != "void")


async def test_money_in_the_review_after_the_notice_closes_the_case(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(29)
    await ada.pays()
    await tell.day(60)
    told = await ada.told()
    assert told.standing == "recovered by revtain_retry"
    assert ENDED not in "".join(told.inbox)
    assert await service(ada) == (None, None)


@pytest.mark.parametrize("day", [3, 10])
@pytest.mark.parametrize("ending", ["written_off", "handed_over", "stopped", "cancelled"])
async def test_a_late_success_is_told_to_operator_and_merchant_after_every_end(
    tell: Teller, shop: Shop, ending: str, day: int
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails("manual_review")
    await tell.day(1)
    if ending == "cancelled":
        await ada.post("void")
    else:
        decisions = {"written_off": "write_off", "handed_over": "hand_over", "stopped": "stop"}
        await ada.order("decide", decision=decisions[ending])
    await tell.day(day)
    before = (await ada.told()).inbox
    await ada.pays()
    await tell.day(20)
    cancelled, given_up = ending == "cancelled", ending in ("written_off", "handed_over")
    late = "" if cancelled else ", paid after that"
    assert await ada.told() == Told(inbox=before, standing=f"{ending}{late}")
    assert await service(ada) == (
        ("cancel", "kept" if day < 6 else "ended") if given_up else (None, None)
    )
    told = await heard(tell.stage, shop, ada)
    assert "payment.received" in told
    assert ("case.paid_after_close" in told) is not cancelled
    assert ("service.kept" in told) is (given_up and day < 6)
    assert (await alerts(tell.stage))[-1] == ("overpaid" if cancelled else "paid_after_close")


@pytest.mark.parametrize("tell", ["service: cancel, grace: 7d"], indirect=True)
async def test_a_case_that_is_opened_again_keeps_the_service(tell: Teller, shop: Shop) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(33)
    first = (await ada.case())["workflow_id"]
    status, _ = await tell.stage.call("POST", f"/v1/cases/{ada.id}/reopen")
    assert status == 200
    await tell.stage.settle()
    run = tell.stage.client.get_workflow_handle(first)
    assert (await run.result())["outcome"] == "written_off"
    assert (await heard(tell.stage, shop, ada))[-1] == "service.kept"
    # The second case begins on the clock on the wall, so that only the first is looked at.
    await tell.day(45)
    old = [m.subject for m in ada.arrived() if m.custom_args.get("dunning_case_id") == first]
    assert old[-1] == ENDING
    assert (await ada.case())["cycle"] == 2


# --- who can be told


async def test_both_notices_come_in_spite_of_an_unsubscribe(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(23)
    await _reports(ada, "group_unsubscribe")
    await tell.day(40)
    told = await ada.told()
    assert told.inbox[-2:] == (f"day 27: {ENDING}", f"day 32: {ENDED}")


async def test_nothing_goes_to_a_dead_address_and_the_merchant_still_hears(
    tell: Teller, shop: Shop
) -> None:
    await listen(tell.stage, shop)
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(23)
    await _reports(ada, "bounce")
    await tell.day(40)
    told = await ada.told()
    assert told.inbox == SILENT_MONTH
    assert told.held == (
        "service-ending: withheld, bad_address",
        "service-ended: withheld, bad_address",
    )
    assert (await heard(tell.stage, shop, ada))[-2:] == ["service.ending", "service.ended"]


@pytest.mark.parametrize("left", ["exclusion", "erasure"])
async def test_an_excluded_or_erased_customer_is_not_written_to(tell: Teller, left: str) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(23)
    path = f"/v1/customers/cus-{ada.number}"
    verb, where = (
        ("PUT", f"{path}/exclusion") if left == "exclusion" else ("DELETE", f"{path}/personal-data")
    )
    status, answer = await tell.stage.call(verb, where)
    assert status in (200, 204), answer
    await tell.day(40)
    assert not [m for m in ada.arrived() if m.subject in (ENDING, ENDED)]


async def _reports(invoice: Invoice, event: str) -> None:
    """The vendor says something of the latest email."""
    stage = invoice.stage
    stage.hear_reports()
    latest = [m for m in invoice.arrived() if m.subject][-1]
    await stage.sandbox.sendgrid.report(latest, event)
    await stage.settle()
