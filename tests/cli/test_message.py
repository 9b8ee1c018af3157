"""Can the preview be narrowed down, and does it say what there is?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.control import Sandbox
from tests.cli.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed


async def test_one_language_and_one_currency(bare: Typed, tmp_path: Path) -> None:
    told = ("--locale", "PT-br", "--currency", "kwd", "--out", str(tmp_path))
    ended = await bare("message", "preview", *told)
    assert (ended.code, ended.out) == (0, f"{tmp_path / 'index.html'}\n")
    assert (tmp_path / "pt-BR" / "reminder-kwd.sms.txt").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "pt-BR"}


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--locale", "tlh", "There are no templates in tlh. Choose among: de, en, es, fr, ja"),
        ("--currency", "euro", "EURO is not a currency code. Write three letters, such as EUR."),
    ],
)
async def test_what_there_is_not_is_told(
    option: str, value: str, sentence: str, bare: Typed, tmp_path: Path
) -> None:
    ended = await bare("message", "preview", option, value, "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert sentence in " ".join(ended.err.split())
    assert not (tmp_path / "out").exists()


async def test_a_template_can_be_sent_to_oneself(bare: Typed) -> None:
    async with Sandbox.start() as sandbox:
        settings = {
            "DUNNING_SECRET_KEY": KEY,
            "DUNNING_EMAIL_FROM": "billing@example.com",
            "SENDGRID_API_KEY": "SG.test",
            "SENDGRID_BASE_URL": sandbox.sendgrid_url,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "test",
            "TWILIO_FROM": "+15005550006",
            "TWILIO_BASE_URL": sandbox.twilio_url,
        }
        email = await bare(
            "message",
            "send",
            "reminder",
            "--to",
            "me@example.com",
            "--locale",
            "de",
            settings=settings,
        )
        text = await bare("message", "send", "reminder", "--to", "+14155550100", settings=settings)
        wrong = await bare("message", "send", "remind", "--to", "me@example.com", settings=settings)
        arrived = [(m.channel, m.to, m.subject) for m in sandbox.messages]

    assert (email.code, text.code, wrong.code) == (0, 0, 1)
    assert "template 'remind' has no email form" in wrong.err
    assert [(c, r) for c, r, _ in arrived] == [("email", "me@example.com"), ("sms", "+14155550100")]
    assert str(arrived[0][2]).startswith("[Test] Erinnerung")
