"""Does a message reach the place where the team reads, and is no URL ever shown?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from app.embedded.process import free_port
from dunning.alert import NotificationChannel
from dunning.ports import TeamMessage
from providers.apprise_alerts import schemes
from providers.apprise_alerts.target import AppriseTarget, UnreadableUrlError
from tests.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Generator

MESSAGE = TeamMessage(title="The case of INV-1 needs a person", body="Look & decide. <INV-1>")
SECRET = "team-secret"


@pytest.fixture(autouse=True)
def nothing_told(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Whatever happens, no record holds the URL."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not [r for r in caplog.records if r.name.startswith("apprise")]
    assert SECRET not in "".join(r.getMessage() for r in caplog.records if r.levelno > 10)


async def test_a_message_arrives_as_it_was_written() -> None:
    async with receiving() as team:
        target = AppriseTarget(team.url, place=1)
        grave = TeamMessage(title="t", body="b", grave=True)
        good = TeamMessage(title="t", body="b", good=True)
        taken = [await target.tell(message) for message in (MESSAGE, grave, good)]
    assert (target.name, target.channel, taken) == (
        "json (1)",
        NotificationChannel.WEBHOOK,
        [True, True, True],
    )
    assert (team.got[0]["title"], team.got[0]["message"]) == (MESSAGE.title, MESSAGE.body)
    assert [message["type"] for message in team.got] == ["warning", "failure", "success"]


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_refusal_is_a_result(status: int) -> None:
    async with receiving(status=status) as team:
        assert await AppriseTarget(team.url, place=1).tell(MESSAGE) is False
        assert team.refused == 1
        team.status = 204
        assert await AppriseTarget(team.url, place=1).tell(MESSAGE) is True


async def test_a_target_that_hangs_or_is_not_there_is_given_up() -> None:
    async with receiving(hangs=True) as team:
        assert await AppriseTarget(team.url, place=1).tell(MESSAGE) is False
    nobody = AppriseTarget(f"json://127.0.0.1:{free_port()}/{SECRET}", place=2)
    assert await nobody.tell(MESSAGE) is False


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"nosuch://{SECRET}",
        f"slack://{SECRET}",
        f"msteams://{SECRET}",
        "json://",
        "mailto://",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(UnreadableUrlError) as raised:
        AppriseTarget(url, place=1)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("json://a/b", ("json://a/b",)),
        (
            "json://a , slack://x/y/z\n mailto://u:p@h",
            ("json://a", "slack://x/y/z", "mailto://u:p@h"),
        ),
        ("mailto://u:p@h?to=a@b.c,d@e.f,json://a", ("mailto://u:p@h?to=a@b.c,d@e.f", "json://a")),
        (" ,json://a,\n", ("json://a",)),
        ("nonsense json://a", ("nonsense", "json://a")),
    ],
)
def test_a_list_is_split_where_a_url_begins(value: str, found: tuple[str, ...]) -> None:
    assert schemes.split(value) == found


def test_every_scheme_is_one_of_the_three_ways() -> None:
    known = ("json", "xmls", "slack", "workflows", "pagerduty", "tgram", "mailtos", "ses", "sns")
    webhook, email, sms = (
        NotificationChannel.WEBHOOK,
        NotificationChannel.EMAIL,
        NotificationChannel.SMS,
    )
    assert [schemes.channel(name) for name in known] == [webhook] * 6 + [email] * 2 + [sms]
