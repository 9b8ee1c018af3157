"""Does the doctor try the SMTP server and the way to devices, when they are configured?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app import senders
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from tests.providers.mail_server import PASSWORD, USER, MailServer
from tests.providers.scripted_server import refusing_url
from tests.providers.service_account import EMAIL, account_file, public_key

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

TEMPORAL = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}


async def examined(typed: Typed, **settings: str) -> dict[str, dict[str, Any]]:
    ended = await typed("doctor", "--json", settings={**TEMPORAL, **settings})
    return {check["name"]: check for check in json.loads(ended.out)}


def smtp(port: int, **more: str) -> dict[str, str]:
    return {
        "DUNNING_EMAIL_TRANSPORT": "smtp",
        "DUNNING_SMTP_HOST": "127.0.0.1",
        "DUNNING_SMTP_PORT": str(port),
        "DUNNING_SMTP_TLS": "none",
        **more,
    }


async def test_an_smtp_server_is_logged_in_to(dunning: Typed) -> None:
    login = {"DUNNING_SMTP_USERNAME": USER}
    async with MailServer(login=True) as server:
        right = smtp(server.port, **login, DUNNING_SMTP_PASSWORD=PASSWORD)
        wrong = smtp(server.port, **login, DUNNING_SMTP_PASSWORD="wrong")
        half = smtp(server.port, **login)
        found = [(await examined(dunning, **each))["SMTP"] for each in (right, wrong, half)]
    assert [check["verdict"] for check in found] == ["ok", "wrong", "wrong"]
    assert found[0]["finding"] == "127.0.0.1 accepts the log-in"
    assert found[1]["finding"].startswith("the SMTP server refused the credentials")
    assert found[2]["finding"].startswith("DUNNING_SMTP_PASSWORD is not set")


async def test_the_key_of_the_other_transport_is_not_missed(dunning: Typed) -> None:
    async with MailServer() as server:
        found = await examined(dunning, **smtp(server.port))
    assert "SENDGRID_API_KEY" not in found["settings"]["finding"]
    assert "SendGrid" not in found
    bare = {"DUNNING_EMAIL_TRANSPORT": "smtp"}
    assert "DUNNING_SMTP_HOST" in (await examined(dunning, **bare))["settings"]["finding"]


async def test_the_service_account_is_tried(dunning: Typed, tmp_path: Path) -> None:
    known = SandboxSettings(fcm_keys={EMAIL: public_key()})
    async with Sandbox.start(known) as sandbox:
        file = account_file(tmp_path, f"{sandbox.fcm_url}/token")
        fine = await examined(dunning, FCM_SERVICE_ACCOUNT_FILE=str(file))
    gone = account_file(tmp_path, f"{refusing_url()}/token")
    away = await examined(dunning, FCM_SERVICE_ACCOUNT_FILE=str(gone))
    none = await examined(dunning, FCM_SERVICE_ACCOUNT_FILE=str(tmp_path / "none.json"))
    unset = await examined(dunning)
    verdicts = [each["push"]["verdict"] for each in (fine, away, none, unset)]
    assert verdicts == ["ok", "wrong", "wrong", "note"]
    assert "cannot be read" in none["push"]["finding"]
    assert unset["push"]["finding"] == "not configured, so notifications are withheld"


async def test_without_the_extra_it_says_what_to_install(
    dunning: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "push_installed", lambda: False)
    file = account_file(tmp_path, "http://127.0.0.1:1/token")
    found = await examined(dunning, FCM_SERVICE_ACCOUNT_FILE=str(file))
    assert found["push"]["verdict"] == "wrong"
    assert "dunning[push]" in found["push"]["next_step"]
