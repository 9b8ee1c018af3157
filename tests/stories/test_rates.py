"""What becomes of many messages that are due at once, at a vendor with a rate limit?"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from sandbox.inbox import Channel
from sandbox.rates import SendGridLimit
from tests.stories.leaping import leap
from tests.stories.single_message import POLICY
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import eventually, rows

_EMAILS, _TEXTS = 40, 6
_A_SECOND = 10


async def _due_at_once(stage: Stage, tier: str, count: int) -> list[Invoice]:
    tell = Teller.of(stage)
    invoices = [await tell.invoice(customer={"value_tier": tier}) for _ in range(count)]
    for invoice in invoices:
        await invoice.fails()
    return invoices


def _taken(stage: Stage, channel: Channel) -> list[datetime]:
    return sorted(m.taken_at for m in stage.sandbox.messages if m.channel is channel)


@pytest.fixture(autouse=True)
def real_pauses(vendors_pause_briefly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nothing leaps for weeks."""
    monkeypatch.setattr("providers.rate_gate.LONGEST_HOLD", timedelta(seconds=5))


async def _all_sent(stage: Stage) -> bool:
    left = "SELECT count(*) AS n FROM messages WHERE status <> 'sent'"
    return await rows(stage, left) == [{"n": 0}]


async def test_a_burst_drains_at_the_vendors_pace_whole_and_out_of_the_way_of_texts(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as stage:
        people = [
            *await _due_at_once(stage, "emails", _EMAILS),
            *await _due_at_once(stage, "texts", _TEXTS),
        ]
        stage.sandbox.mail_rate.set(SendGridLimit(calls=_A_SECOND))

        async with leap(stage, people):
            await eventually(lambda: _all_sent(stage), within=40)

        emails, texts = _taken(stage, Channel.EMAIL), _taken(stage, Channel.SMS)
        got = Counter(message.to for message in stage.sandbox.messages)
        assert set(got.values()) == {1}
        assert (len(emails), len(texts)) == (_EMAILS, _TEXTS)
        assert (emails[-1] - emails[0]).total_seconds() >= _EMAILS / _A_SECOND - 2
        assert texts[-1] < emails[-_A_SECOND]
        await stage.end_all()
