"""Do init, the policy commands and the preview treat files as a person expects?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from app import documentation
from app.policy_file import default_policy_text, read_policy
from app.settings import Settings, load
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed


async def test_init_writes_what_can_be_used_and_overwrites_nothing(
    bare: Typed, tmp_path: Path
) -> None:
    folder = tmp_path / "config"
    made = await bare("init", str(folder))
    policy = folder / "policy.yaml"
    assert (made.code, made.out) == (0, f"{policy}\n")
    assert (folder / "templates" / "en" / "reminder.email.jinja").is_file()
    checked = await bare("policy", "check", str(policy))
    assert (checked.code, checked.out, checked.err) == (0, "", f"{policy} is fine.\n")

    policy.write_text("mine", encoding="utf-8")
    again = await bare("init", str(folder))
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith(f"{policy} is there already.")
    assert policy.read_text(encoding="utf-8") == "mine"


async def test_a_policy_is_told_every_problem(bare: Typed, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nbrand: {name: X}\ncampagns: []\n", encoding="utf-8")
    plain = await bare("policy", "check", str(file))
    assert plain.code == 1
    assert "campagns: unknown field. Did you mean `campaigns`?" in plain.out.splitlines()
    document = json.loads((await bare("policy", "check", str(file), "--json")).out)
    assert {problem["code"] for problem in document} == {"invalid"}


async def test_a_template_that_is_missing_is_told(bare: Typed, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    text = default_policy_text().replace("template: final_notice", "template: last_call", 1)
    file.write_text(text, encoding="utf-8")
    ended = await bare("policy", "check", str(file))
    assert ended.code == 1
    assert "there is no template last_call for email." in ended.out
    assert ended.out.rstrip().endswith("[missing_template]")


async def test_a_policy_that_is_not_there_is_bad_usage(bare: Typed) -> None:
    ended = await bare("policy", "check", "nowhere.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("nowhere.yaml cannot be read")


async def test_the_policy_in_force_is_shown_in_full(bare: Typed) -> None:
    plain = await bare("policy", "show")
    policy, digest = read_policy(default_policy_text())
    assert read_policy(plain.out) == (policy, digest)
    assert digest in plain.err
    document = json.loads((await bare("policy", "show", "--json")).out)
    assert document == {"digest": digest, "policy": yaml.safe_load(policy.model_dump_json())}


async def test_a_preview_prints_the_page_to_open(bare: Typed, tmp_path: Path) -> None:
    ended = await bare("message", "preview", "--out", str(tmp_path / "out"))
    index = tmp_path / "out" / "index.html"
    assert (ended.code, ended.out) == (0, f"{index}\n")
    assert "Example" in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", documentation.FILES)
def test_the_files_about_settings_are_up_to_date(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == documentation.FILES[name](), "run: python -m app.documentation"


def test_every_setting_is_described_in_every_file() -> None:
    names = [str(field.alias) for field in Settings.model_fields.values()]
    for text in (documentation.env_example(), documentation.configuration()):
        assert [name for name in names if name not in text] == []
    described = [entry for entries in documentation.groups().values() for entry in entries]
    assert [entry.name for entry in described if not entry.description] == []


def test_the_example_can_be_used_as_it_stands() -> None:
    lines = documentation.env_example().splitlines()
    given = dict(
        line[1:].split("=", 1) for line in lines if line.startswith("#") and line[1] != " "
    )
    settings = load(given)
    assert settings.email_from == "billing@example.com"
