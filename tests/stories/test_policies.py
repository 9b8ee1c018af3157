"""Does a case keep the policy under which it began, and move only when it is told to (R9)?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.cli.ending import attempt
from app.cli.program import program
from app.demo.stage import Stage
from app.policy_file import default_policy_text
from tests.stories.telling import Teller
from tests.stories.witnesses import Told
from tests.stories.words import FINAL, FIRST, REMINDER, TEXT

Typed = Callable[..., Awaitable[tuple[int, str, str]]]

_SHORT = """
version: 1
brand: {name: Example, support_email: billing@example.com}
campaigns:
  - name: monthly
    length: 27d
    steps:
      - {id: first, channel: email, after: 2h, template: card_declined}
      - {id: extra, channel: email, after: 2d, template: reminder}
      - {id: last, channel: email, after: 10d, template: reminder}
      - {id: final, channel: email, before_close: 5d, template: final_notice}
"""


@pytest.fixture
def dunning(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """A command typed beside the running product: exit code, stdout, stderr."""

    async def typed(*arguments: str) -> tuple[int, str, str]:
        settings = stage.settings
        assert settings.database_url is not None
        with monkeypatch.context() as patch:
            patch.setenv("DUNNING_DATABASE_URL", settings.database_url.get_secret_value())
            patch.setenv("DUNNING_SECRET_KEY", "stage-secret-key-0123456789abcdef")
            patch.setenv("TEMPORAL_ADDRESS", stage.client.service_client.config.target_host)
            capsys.readouterr()
            code = await asyncio.to_thread(attempt, program, list(arguments))
        written = capsys.readouterr()
        return code, written.out, written.err

    return typed


def _file(folder: Path, text: str) -> str:
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


async def test_a_new_case_takes_the_published_policy_and_a_running_one_keeps_its_own(
    tell: Teller, dunning: Typed, tmp_path: Path
) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)

    acme = _SHORT.replace("name: Example", "name: Acme")
    code, out, _ = await dunning("policy", "publish", _file(tmp_path, acme))
    assert (code, out.split()[:2]) == (0, ["version", "1"])
    bob = await tell.invoice()
    await bob.fails()
    await tell.day(12)

    listed = json.loads((await dunning("policy", "list", "--json"))[1])
    assert [(v["version"], v["open_cases"]) for v in listed] == [(1, 1), (None, 1)]
    assert (await dunning("policy", "list"))[1].splitlines()[2].startswith("file")
    assert (await ada.told()).inbox[:3] == (
        f"day 0: {FIRST}",
        f"day 4: {REMINDER}",
        f"day 6: {TEXT}",
    )
    assert [m["step"] for m in (await bob.case())["messages"]] == [
        "monthly.first",
        "monthly.extra",
        "monthly.last",
        "monthly.final",
    ]
    emails = [m for m in tell.stage.sandbox.messages if m.channel == "email"]
    signed = {m.sender_name: m.subject.count("Acme") for m in emails}
    assert signed == {"Example": 0, "Acme": 1}


async def test_a_moved_case_goes_on_under_the_other_policy(
    tell: Teller, dunning: Typed, tmp_path: Path
) -> None:
    await dunning("policy", "publish", _file(tmp_path, default_policy_text()))
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await dunning("policy", "publish", _file(tmp_path, _SHORT), "--note", "shorter")

    code, out, _ = await dunning(
        "policy", "migrate", "--from", "1", "--to", "2", "--preview", "--json"
    )
    (change,) = json.loads(out)["cases"]
    to_come = [c["step"] for c in change["then_coming"]]
    assert (code, change["differs"], to_come[-2:]) == (0, True, ["monthly.last", "monthly.final"])
    before = await ada.case()
    assert "monthly.third" in [m["step"] for m in before["messages"]]

    code, out, err = await dunning("policy", "migrate", "--from", "1", "--to", "2")
    assert (code, out.splitlines()[-1]) == (
        0,
        "1 cases moved; for 1 of them what is sent differs; 0 refused",
    ), err
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(
            f"day 0: {FIRST}",
            f"day 4: {REMINDER}",
            f"day 10: {REMINDER}",
            f"day 22: {FINAL}",
        ),
        held=("extra: skipped, due before the case moved to this policy",),
        standing="written_off",
    )


async def test_a_policy_with_a_mistake_is_not_published(dunning: Typed, tmp_path: Path) -> None:
    wrong = _SHORT.replace("template: final_notice", "template: final_warning")

    code, out, err = await dunning("policy", "publish", _file(tmp_path, wrong))

    assert (code, out) == (1, "")
    assert "campaigns[0].steps[3]: there is no template final_warning" in err
    assert "is not published" in err
    assert (await dunning("policy", "list", "--json"))[1].strip() == "[]"


async def test_a_version_that_is_not_there_is_one_sentence(dunning: Typed) -> None:
    code, out, err = await dunning("policy", "migrate", "--from", "7", "--to", "8", "--preview")

    assert (code, out) == (2, "")
    assert err.strip() == (
        "There is no policy 7, or more than one. `dunning policy list` names them."
    )
