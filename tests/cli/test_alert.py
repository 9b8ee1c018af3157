"""Does the command line show what the team is told, and which channels wait?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app.embedded.process import free_port
from app.settings import SettingsError, load
from dunning.alert import Alert, AlertKind, NotificationChannel
from dunning.channel import Channel
from store.alerts import Alerts
from store.channel_pauses import ChannelPauses
from store.database import Database
from tests.cli.conftest import KEY, started
from tests.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.cli.conftest import Typed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "team-secret"


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    database = Database.connect(database_url, pool_size=1)
    yield database
    await database.aclose()


async def test_alerts_are_listed_with_what_became_of_them(
    dunning: Typed, database: Database
) -> None:
    alerts = Alerts(database)
    await alerts.add(Alert(kind=AlertKind.REVIEW, subject="INV-1", detail={"reason": "blocked"}))
    await alerts.add(Alert(kind=AlertKind.REPLY, subject="7"))
    ended = await dunning("alert", "list", "--json")
    shown = [(alert["kind"], alert["subject"], alert["told_at"]) for alert in json.loads(ended.out)]
    assert (ended.code, shown) == (0, [("reply", "7", None), ("review", "INV-1", None)])
    table = (await dunning("alert", "list", "--kind", "review", "--untold")).out.splitlines()
    assert len(table) == 2
    assert "INV-1" in table[1]
    assert "reason: blocked" in table[1]


async def test_a_test_reaches_every_target_and_tells_which_one_fails(dunning: Typed) -> None:
    async with receiving() as team:
        urls = f"{team.url} json://127.0.0.1:{free_port()}/{SECRET}"
        both = await dunning("alert", "test", DUNNING_ALERT_URLS=urls)
        one = await dunning("alert", "test", "--json", DUNNING_ALERT_URLS=team.url)
    assert team.titles == ["A test of the alerts"] * 2
    assert (one.code, json.loads(one.out)) == (0, [{"target": "json (1)", "taken": True}])
    assert both.code == 1
    assert [line.split() for line in both.out.splitlines()[1:]] == [
        ["json", "(1)", "yes"],
        ["json", "(2)", "no"],
    ]
    assert both.err.startswith("json (2) did not take the message.")
    assert SECRET not in both.out + both.err


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "DUNNING_ALERT_URLS is not set."),
        (
            {"DUNNING_ALERT_URLS": f"json://a, nosuch://{SECRET}"},
            "DUNNING_ALERT_URLS: URL 2 of 2 cannot be read:",
        ),
        (
            {"DUNNING_ALERT_URLS": "json://a", "DUNNING_NOTIFICATION_CHANNELS": "SMS"},
            "No URL in DUNNING_ALERT_URLS is of a kind that DUNNING_NOTIFICATION_CHANNELS names.",
        ),
        (
            {"DUNNING_ALERT_URLS": "json://a", "DUNNING_NOTIFICATION_CHANNELS": "PIGEON"},
            "DUNNING_NOTIFICATION_CHANNELS: Input should be 'WEBHOOK', 'EMAIL' or 'SMS'.",
        ),
    ],
)
async def test_what_is_set_wrongly_is_named_and_no_url_is_quoted(
    dunning: Typed, settings: dict[str, str], sentence: str
) -> None:
    ended = await dunning("alert", "test", settings=settings)
    assert ended.code != 0
    assert ended.err.startswith(sentence)
    assert SECRET not in ended.out + ended.err


async def test_web_does_not_start_with_a_url_that_cannot_be_read(
    tmp_path: Path, database_url: str
) -> None:
    async with started(
        tmp_path,
        "web",
        DUNNING_DATABASE_URL=database_url,
        DUNNING_SECRET_KEY=KEY,
        DUNNING_ALERT_URLS=f"nosuch://{SECRET}",
        REVTAIN_WEBHOOK_SECRET="whsec_test",
        DUNNING_PORT="0",
    ) as role:
        ended = await role.ended()
    assert ended.code == 2
    assert "DUNNING_ALERT_URLS: URL 1 of 1 cannot be read" in ended.err
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err


def test_the_words_of_the_recovery_service_are_taken_as_it_writes_them() -> None:
    lists = ('["WEBHOOK", "EMAIL"]', "webhook,Email", "WEBHOOK , EMAIL")
    found = [
        load({"DUNNING_NOTIFICATION_CHANNELS": words}).notification_channels for words in lists
    ]
    assert found == [(NotificationChannel.WEBHOOK, NotificationChannel.EMAIL)] * 3
    with pytest.raises(SettingsError, match="DUNNING_NOTIFICATION_CHANNELS"):
        load({"DUNNING_NOTIFICATION_CHANNELS": " "})


async def test_a_channel_that_waits_is_shown_and_let_go(dunning: Typed, database: Database) -> None:
    pauses = ChannelPauses(database)
    reason = "SendGrid refused the API key: check SENDGRID_API_KEY"
    await pauses.begin(Channel.EMAIL, reason, now=NOW, until=NOW + timedelta(minutes=1))
    listed = await dunning("channel", "list", "--json")
    assert json.loads(listed.out) == [
        {
            "channel": "email",
            "since": "2026-03-02T09:00:00Z",
            "until": "2026-03-02T09:01:00Z",
            "reason": reason,
        }
    ]
    checks = json.loads((await dunning("doctor", "--json")).out)
    (found,) = [check for check in checks if check["name"] == "channel email"]
    assert (found["verdict"], found["finding"]) == ("wrong", f"waits: {reason}")
    assert (await dunning("channel", "resume", "email")).code == 0
    assert await pauses.open() == []
    again = await dunning("channel", "resume", "email")
    assert (again.code, again.err.strip()) == (
        1,
        "The channel email does not wait. Nothing was done.",
    )
    assert (await dunning("channel", "list")).err.strip() == "No channel waits."


@pytest.mark.parametrize(
    ("settings", "verdict", "finding"),
    [
        ({}, "note", "told to nobody"),
        ({"DUNNING_ALERT_URLS": f"json://{SECRET}"}, "ok", "told to json (1); "),
        (
            {
                "DUNNING_ALERT_URLS": f"json://{SECRET}",
                "DUNNING_NOTIFICATION_CHANNELS": "EMAIL",
            },
            "note",
            "told to nobody; left out: json (1); there is no URL for EMAIL",
        ),
    ],
)
async def test_the_doctor_tells_where_alerts_go_without_their_urls(
    dunning: Typed, settings: dict[str, str], verdict: str, finding: str
) -> None:
    ended = await dunning("doctor", "--json", settings=settings)
    (check,) = [check for check in json.loads(ended.out) if check["name"] == "alerts"]
    assert check["verdict"] == verdict
    assert check["finding"].startswith(finding)
    assert SECRET not in ended.out + ended.err
