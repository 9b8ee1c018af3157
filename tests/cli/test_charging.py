"""Does whoever lets us charge cards hear at once that the key for it is missing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.policy_file import default_policy_text
from tests.cli.conftest import KEY, Ended, started

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_worker_whose_policy_charges_does_not_start_without_a_key(
    tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.yaml"
    text = default_policy_text().replace("charged_by: merchant", "charged_by: us")
    policy.write_text(text, encoding="utf-8")

    settings = {
        "DUNNING_POLICY": str(policy),
        "DUNNING_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "DUNNING_SECRET_KEY": KEY,
        "DUNNING_EMAIL_FROM": "billing@example.com",
        "SENDGRID_API_KEY": "SG.none",
    }
    async with started(tmp_path, "worker", **settings) as worker:
        ended = await worker.ended()

    assert ended == Ended(
        2,
        "",
        (
            "REVTAIN_API_KEY is not set, and the policy says new_card.charged_by: us. Set the key,"
            " or write `merchant` there and pass new cards on your next /execute call.\n"
        ),
    )
