"""Do cases that began under earlier code still run under this one, and do they hold no secrets?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from app.converter import DATA_CONVERTER
from app.worker import runner
from tests.replay.record import CUSTOMER, HISTORIES, PLAYS
from workflows.case import CaseWorkflow

RECORDED = sorted(HISTORIES.glob("*.json"))
PERSONAL = (
    *("Grace", "Hopper", str(CUSTOMER["email"]), "@example", "2125550123"),
    *("shop.example", "secret", "pm_old", "pm_new", "/p/", "Pro plan", "asked for time"),
)


def test_every_kind_of_case_is_recorded() -> None:
    assert [p.stem for p in RECORDED] == sorted(play.__name__.replace("_", "-") for play in PLAYS)


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
async def test_a_recorded_case_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[CaseWorkflow], workflow_runner=runner(), data_converter=DATA_CONVERTER
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(path.stem, path.read_text()))


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_a_history_holds_no_personal_data(path: Path) -> None:
    text = "\n".join(_texts(json.loads(path.read_text())))
    assert [word for word in PERSONAL if word in text] == []
    assert "request_card_update" in text or "retry_later" in text or "manual_review" in text


def _texts(value: JsonValue) -> Iterator[str]:
    """Every string of a history, payloads decoded."""
    match value:
        case dict():
            for name, inner in value.items():
                if name == "data" and isinstance(inner, str):
                    yield base64.b64decode(inner).decode(errors="replace")
                else:
                    yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case str():
            yield value
        case _:
            return
