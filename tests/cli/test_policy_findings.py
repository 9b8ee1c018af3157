"""Who hears of a policy that would not do what was meant, and what goes on all the same?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from tests.cli.conftest import KEY, Typed, started
from tests.rules.policies import campaign, document, step

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "postgresql://dunning:secret@127.0.0.1:1/dunning"
LATE = {
    "code": "never_sent",
    "path": "campaigns[0].steps[1]",
    "problem": "step late never finds a place: within 27d, the spacing of 1d and the send windows "
    "leave no room for it",
    "fix": "Move the step, lengthen the campaign, or shorten `spacing`.",
}


def written(folder: Path) -> str:
    late = campaign("a", step("first", after="2h"), step("late", after="30d"))
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(document(late)), encoding="utf-8")
    return str(path)


async def test_a_role_logs_each_finding_and_goes_on(tmp_path: Path) -> None:
    settings = {
        "DUNNING_DATABASE_URL": NOWHERE,
        "DUNNING_SECRET_KEY": KEY,
        "DUNNING_POLICY": written(tmp_path),
    }
    for role in ("web", "worker"):
        async with started(tmp_path, role, **settings) as it:
            line = json.loads(await it.until("policy_finding"))
            await it.until("waiting")
            ended = await it.end()
        assert {name: line[name] for name in LATE} == LATE
        assert (line["level"], ended.code) == ("warning", 0)


async def test_check_ends_with_1_and_tells_where_in_json(bare: Typed, tmp_path: Path) -> None:
    ended = await bare("policy", "check", written(tmp_path), "--json")
    assert (ended.code, json.loads(ended.out)) == (1, [LATE])


async def test_a_note_is_told_and_stops_nothing(bare: Typed, tmp_path: Path) -> None:
    german = campaign("a", step("first", after="2h", template="hi"), when={"locale": ["de"]})
    file, folder = tmp_path / "policy.yaml", tmp_path / "templates" / "en"
    file.write_text(yaml.safe_dump(document(german, campaign("b"))), encoding="utf-8")
    folder.mkdir(parents=True)
    (folder / "hi.email.jinja").write_text(
        "{% extends layout %}{% block subject %}Hi{% endblock %}"
        "{% block preheader %}Hi{% endblock %}{% block body %}Hi{% endblock %}",
        encoding="utf-8",
    )
    ended = await bare("policy", "check", str(file), "--json")
    assert ended.code == 0
    assert [(one["code"], one["note"]) for one in json.loads(ended.out)] == [
        ("missing_language", True)
    ]
