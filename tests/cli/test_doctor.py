"""Does the doctor find what is wrong, and say what to do?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from app.embedded.temporal import TemporalDevServer
    from tests.cli.conftest import Typed

ACCOUNT = "AC" + "0" * 32


@pytest.fixture
async def vendors() -> AsyncGenerator[dict[str, str]]:
    """Settings that the stand-ins accept."""
    known = SandboxSettings(
        sendgrid_api_keys=("SG.right",),
        twilio_credentials={ACCOUNT: "right"},
        revtain_api_keys=("rev_right",),
    )
    async with Sandbox.start(known) as sandbox:
        yield {
            "DUNNING_EMAIL_FROM": "billing@example.com",
            "DUNNING_PUBLIC_URL": "https://billing.example.com",
            "REVTAIN_WEBHOOK_SECRET": "whsec_test",
            "REVTAIN_API_KEY": "rev_right",
            "REVTAIN_BASE_URL": sandbox.revtain_url,
            "SENDGRID_API_KEY": "SG.right",
            "SENDGRID_BASE_URL": sandbox.sendgrid_url,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": "right",
            "TWILIO_FROM": "+15005550006",
            "TWILIO_BASE_URL": sandbox.twilio_url,
        }


async def examined(typed: Typed, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ended = await typed("doctor", "--json", settings=settings)
    return ended.code, {check["name"]: check for check in json.loads(ended.out)}


async def test_a_sound_installation_is_fine(
    dunning: Typed, vendors: dict[str, str], temporal: TemporalDevServer
) -> None:
    code, found = await examined(dunning, **vendors, TEMPORAL_ADDRESS=temporal.address)
    wrong = {name: check for name, check in found.items() if check["verdict"] == "wrong"}
    assert (code, wrong) == (0, {})
    vendors_too = ("Revtain", "SendGrid", "Twilio")
    sound = ("settings", "database", "events", "Temporal", "templates", *vendors_too)
    assert [found[name]["verdict"] for name in sound] == ["ok"] * len(sound)


async def test_all_that_is_wrong_is_told_at_once(dunning: Typed, vendors: dict[str, str]) -> None:
    worse = {
        **vendors,
        "REVTAIN_API_KEY": "rev_wrong",
        "SENDGRID_API_KEY": "SG.wrong",
        "TWILIO_AUTH_TOKEN": "wrong",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "DUNNING_POLICY": "nowhere.yaml",
        "DUNNING_DATABASE_URL": "postgresql://dunning:secret@127.0.0.1:1/dunning",
    }
    code, found = await examined(dunning, **worse)
    wrong = {name for name, check in found.items() if check["verdict"] == "wrong"}
    assert code == 1
    assert wrong == {"database", "Temporal", "policy", "Revtain", "SendGrid", "Twilio"}
    assert all(found[name]["next_step"] for name in wrong)
    assert found["Revtain"]["finding"].startswith("Revtain refuses the API key")
    assert found["SendGrid"]["finding"].endswith("refuses the key (401)")
    assert found["Twilio"]["finding"].endswith("refuses the credentials (401)")
    assert found["database"]["finding"] == "PostgreSQL at 127.0.0.1:1 cannot be reached"


async def test_an_empty_machine_is_told_what_to_set(bare: Typed) -> None:
    ended = await bare("doctor", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert ended.code == 1
    assert ended.out.splitlines()[:2] == [
        (
            "✗ settings: DUNNING_DATABASE_URL, DUNNING_SECRET_KEY, DUNNING_EMAIL_FROM, "
            "REVTAIN_WEBHOOK_SECRET, SENDGRID_API_KEY not set"
        ),
        "    → Set them; .env.example explains each.",
    ]


async def test_vendors_that_cannot_be_reached_are_told(
    dunning: Typed, vendors: dict[str, str]
) -> None:
    gone = {"SENDGRID_BASE_URL": "http://127.0.0.1:1", "TWILIO_BASE_URL": "http://127.0.0.1:1"}
    _, found = await examined(dunning, **{**vendors, **gone, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert found["SendGrid"]["finding"].startswith("SendGrid cannot be reached")
    assert found["Twilio"]["finding"].startswith("Twilio cannot be reached")


async def test_the_policy_in_force_is_told_and_a_file_that_differs_from_it(
    dunning: Typed, vendors: dict[str, str], tmp_path: Path
) -> None:
    settings = {**vendors, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    _, fresh = await examined(dunning, **settings)
    assert fresh["policy in force"]["finding"] == "that of the file; none was published yet"

    assert (await dunning("init", str(tmp_path / "mine"))).code == 0
    file = tmp_path / "mine" / "policy.yaml"
    settings["DUNNING_POLICY"] = str(file)
    assert (await dunning("policy", "publish", str(file), settings=settings)).err == ""
    _, same = await examined(dunning, **settings)
    assert same["policy in force"]["verdict"] == "ok"

    file.write_text(file.read_text().replace("spacing: 24h", "spacing: 36h"))
    _, changed = await examined(dunning, **settings)
    assert changed["policy in force"]["verdict"] == "note"
    assert changed["policy in force"]["finding"].endswith("which is not the file's")


async def test_without_an_api_key_nobody_asks_revtain(
    dunning: Typed, vendors: dict[str, str]
) -> None:
    settings = {name: value for name, value in vendors.items() if name != "REVTAIN_API_KEY"}
    _, found = await examined(dunning, **settings, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (found["Revtain"]["verdict"], found["Revtain"]["next_step"]) == (
        "note",
        "Set REVTAIN_API_KEY, to lose nothing in an outage.",
    )
