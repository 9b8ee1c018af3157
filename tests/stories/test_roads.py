"""What does a step do that may go over several channels, and one that only tells the team?"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, REMINDER, TEXT

_POLICY = """\
version: 1
brand: {name: Example, support_email: billing@example.com}
campaigns:
  - name: a
    length: 27d
    steps:
      - {id: first, channel: email, after: 2h, template: card_declined}
      - {id: either, channel: sms, fallback: [push, email], after: 4d, template: reminder}
      - {id: last, channel: email, fallback: [sms], before_close: 5d, template: reminder}
    alerts:
      - {id: call, after: 5d}
"""


async def test_a_step_takes_the_first_channel_that_can_be_used_and_the_team_is_told(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(_POLICY)
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as stage:
        tell = Teller.of(stage)
        reached = await tell.invoice()
        silent = await tell.invoice(customer={"sms_consent_at": None})
        nowhere = await tell.invoice(customer={"sms_consent_at": None, "email": None})
        for invoice in (reached, silent, nowhere):
            await invoice.fails()
        before = REGISTRY.get_sample_value("dunning_team_alerts_total", {"campaign": "a"}) or 0
        await tell.day(6)
        alert = "call: alerted, None"
        assert await reached.told() == Told(
            inbox=(f"day 0: {FIRST}", f"day 4: {TEXT}"), held=(alert,), standing="waiting"
        )
        assert await silent.told() == Told(
            inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), held=(alert,), standing="waiting"
        )
        assert await nowhere.told() == Told(
            inbox=(),
            held=(
                "first: withheld, no_address",
                "either: withheld, no_consent",
                alert,
            ),
            standing="waiting",
        )
        after = REGISTRY.get_sample_value("dunning_team_alerts_total", {"campaign": "a"})
        assert after == before + 3
        case = await silent.case()
        either = [m["channel"] for m in case["messages"] if m["step"] == "a.either"]
        assert either == ["email"]
        assert case["campaign_reason"] == "its conditions hold, and it is the first in the policy"
        (kept,) = await rows(
            stage, "SELECT count(*) AS number FROM messages WHERE step = 'a.either'"
        )
        assert kept["number"] == 3
        for invoice in (reached, silent, nowhere):
            await invoice.pays()
        await stage.end_all()
