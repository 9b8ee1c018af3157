"""What is done first about each kind of failure, and what when nothing comes of it (R3)?"""

from __future__ import annotations

from pathlib import Path

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from app.policy_file import default_policy_text
from tests.stories.telling import Teller
from tests.stories.witnesses import Told
from tests.stories.words import CONFIRM, FIRST

EXPIRED = "Please update your card at Example"
FUNDS = "We could not take your payment to Example"


async def test_the_first_move_follows_the_recommended_action(tell: Teller) -> None:
    moves = (
        ("request_card_update", "do_not_honor", (f"day 0: {FIRST}",), "waiting"),
        ("request_card_update", "expired_card", (f"day 0: {EXPIRED}",), "waiting"),
        ("request_card_update", "insufficient_funds", (f"day 0: {FUNDS}",), "waiting"),
        ("retry_later", "try_again_later", (), "watching"),
        ("monitor", "issuer_unavailable", (), "watching"),
        ("manual_review", "call_issuer", (), "review: manual_review"),
        ("something_new", "card_declined", (), "review: manual_review"),
        (None, None, (), "review: manual_review"),
        ("retry_later", "authentication_required", (f"day 0: {CONFIRM}",), "waiting"),
    )
    invoices = [await tell.invoice() for _ in moves]
    for invoice, (action, code, _, _) in zip(invoices, moves, strict=True):
        await invoice.fails(action, code)
    await tell.day(1)
    assert [await invoice.told() for invoice in invoices] == [
        Told(inbox=inbox, standing=standing) for _, _, inbox, standing in moves
    ]


async def test_a_blocked_payment_waits_for_a_person_unless_the_customer_can_confirm_it(
    tell: Teller,
) -> None:
    fraud, confirm = await tell.invoice(), await tell.invoice()
    await fraud.is_blocked("fraudulent")
    await confirm.is_blocked("authentication_required")
    await tell.day(60)
    assert await fraud.told() == Told(inbox=(), standing="written_off")
    assert await confirm.told() == Told(
        inbox=(
            f"day 0: {CONFIRM}",
            f"day 3: {CONFIRM}",
            "day 5: text: Example: We could not take your payment. Confirm here:",
            f"day 9: {CONFIRM}",
        ),
        standing="written_off",
    )
    assert (await confirm.case())["campaign"] == "authenticate"


async def test_watching_ends_in_a_review_after_a_month_and_a_half(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails("retry_later")
    await tell.day(44)
    assert await ada.told() == Told(inbox=(), standing="watching")
    await tell.day(46)
    assert await ada.told() == Told(inbox=(), standing="review: watch_over")


async def test_watching_ends_in_a_campaign_where_the_policy_says_so(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    text = default_policy_text().replace("then: review ", "then: campaign")
    policy.write_text(text.replace("deadline: 45d", "deadline: 10d"))
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as stage:
        tell = Teller.of(stage)
        ada = await tell.invoice()
        await ada.fails("retry_later")
        await tell.day(10)
        assert await ada.told() == Told(inbox=(f"day 10: {FIRST}",), standing="waiting")
        await ada.pays()
        await stage.end_all()


async def test_a_week_a_quarter_and_a_year_have_campaigns_of_their_own(tell: Teller) -> None:
    periods = {"week": "weekly", "quarter": "quarterly", "year": "annual", None: "one-off"}
    invoices = {period: await tell.invoice(billing_period=period) for period in periods}
    for invoice in invoices.values():
        await invoice.fails()
    await tell.day(100)
    campaigns = {period: (await i.case())["campaign"] for period, i in invoices.items()}
    assert campaigns == periods
    days = {
        period: [line.partition(":")[0] for line in (await i.told()).inbox]
        for period, i in invoices.items()
    }
    expected = {
        "week": (0, 2, 3, 5),
        "quarter": (0, 4, 6, 12, 22, 38, 55),
        "year": (0, 4, 6, 10, 17, 25, 30, 35, 45, 55),
        None: (0, 4, 6, 10, 16),
    }
    assert days == {period: [f"day {n}" for n in numbers] for period, numbers in expected.items()}
