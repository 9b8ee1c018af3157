"""Does the documentation speak of everything that a reader can set?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dunning.campaign import Campaign, Step
from dunning.case import rows, states
from dunning.conditions import When
from dunning.policy import Policy

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(Policy.model_fields))
def test_every_policy_section_is_documented(name: str) -> None:
    assert f"`{name}" in (DOCS / "policy.md").read_text() or name == "campaigns"


@pytest.mark.parametrize(
    "name",
    sorted({*When.model_fields, *Step.model_fields, *Campaign.model_fields} - {"steps", "name"}),
)
def test_every_campaign_field_is_documented(name: str) -> None:
    assert f"`{name}" in (DOCS / "policy.md").read_text()


def test_every_state_is_documented() -> None:
    text = (DOCS / "architecture.md").read_text()
    assert [s for s in states() if f"`{s.value}`" not in text] == []


def test_the_table_has_an_answer_for_every_state() -> None:
    holes = [
        (event, state)
        for event, row in rows().items()
        for state in states()
        if not callable(getattr(row, state.value))
    ]
    assert holes == []


@pytest.mark.parametrize(
    "named", sorted(set(re.findall(r"`(tests/[^`]+)`", (DOCS / "features.md").read_text())))
)
def test_the_tests_that_show_a_feature_are_there(named: str) -> None:
    path, _, name = named.partition("::")
    assert f"def {name}(" in (DOCS.parent / path).read_text() or not name
