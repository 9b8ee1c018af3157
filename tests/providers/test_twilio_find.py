"""Is a text message found again that an unanswered request may have created?"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dunning.errors import ProviderUnavailableError
from dunning.ports import Accepted
from providers.twilio.sender import TwilioText
from tests.providers.messages import NOW, TEXT, now
from tests.providers.scripted_server import Fault, Reply, ScriptedServer

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
DIGEST = hashlib.sha256(TEXT.body.encode()).hexdigest()


def listed(sid: str, after: float, body: str | None = TEXT.body, **fields: Any) -> dict[str, Any]:
    created = format_datetime(NOW + timedelta(seconds=after))
    return {
        "sid": sid,
        "body": body,
        "date_created": created,
        "date_sent": None,
        "direction": "outbound-api",
        "status": "queued",
        **fields,
    }


def page(*messages: dict[str, Any], following: str | None = None) -> Reply:
    body = {"messages": messages, "next_page_uri": following, "page": 0, "page_size": 1000}
    return Reply(200, json.dumps(body).encode())


async def find(*script: Reply | Fault) -> tuple[Accepted | None, ScriptedServer]:
    async with (
        ScriptedServer(*script) as server,
        TwilioText(
            ACCOUNT,
            now=now,
            auth_token="t",
            from_number="+15005550006",
            base_url=server.url,
            timeout=timedelta(milliseconds=300),
        ) as texts,
    ):
        found = await texts.find(recipient=TEXT.recipient, body_digest=DIGEST, since=NOW)
    return found, server


async def test_the_list_of_that_number_is_read() -> None:
    found, server = await find(page(listed("SM1", 2)))
    assert found == Accepted(provider_id="SM1")
    (received,) = server.received
    target = urlsplit(received.target)
    assert (received.method, target.path) == ("GET", PATH)
    assert dict(parse_qsl(target.query)) == {"To": TEXT.recipient, "PageSize": "1000"}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [listed("SM1", 2, "another text")],
        [listed("SM1", -6)],
        [listed("SM1", -86_400)],
        [listed("SM1", 2, direction="inbound")],
        [listed("SM1", 2, date_created="yesterday")],
        [listed("SM1", 2, date_created=None)],
        [listed("SM1", 2, body=None)],
    ],
)
async def test_what_the_request_did_not_create_is_not_found(
    messages: list[dict[str, Any]],
) -> None:
    found, _ = await find(page(*messages))
    assert found is None


async def test_the_clocks_may_differ_by_seconds() -> None:
    found, _ = await find(page(listed("SM1", -4)))
    assert found == Accepted(provider_id="SM1")


async def test_the_newest_of_several_is_found_whatever_their_order() -> None:
    found, _ = await find(page(listed("SM1", 1), listed("SM3", 9), listed("SM2", 5)))
    assert found == Accepted(provider_id="SM3")


async def test_a_trial_account_puts_its_words_before_ours() -> None:
    body = f"Sent from your Twilio trial account - {TEXT.body}"
    found, _ = await find(page(listed("SM1", 1, body)))
    assert found == Accepted(provider_id="SM1")


async def test_all_pages_are_read() -> None:
    others = [listed(f"SM{n}", 60, "another text") for n in range(50)]
    found, server = await find(
        page(*others, following=f"{PATH}?Page=1&PageToken=PA1"),
        page(*others, following=f"{PATH}?Page=2&PageToken=PA2"),
        page(listed("SM99", 3)),
    )
    assert found == Accepted(provider_id="SM99")
    assert [urlsplit(r.target).query for r in server.received][1:] == [
        "Page=1&PageToken=PA1",
        "Page=2&PageToken=PA2",
    ]


async def test_pages_wholly_from_before_end_the_search() -> None:
    old = page(listed("SM1", -3600), following=f"{PATH}?Page=1")
    found, server = await find(old)
    assert (found, len(server.received)) == (None, 1)


UNLISTED = "Twilio's list of messages could not be read; what became of the text is not known"


@pytest.mark.parametrize(
    ("step", "reason", "delay"),
    [
        (Reply(500), f"{UNLISTED} (HTTP 500, vendor code 500)", None),
        (Reply(400), f"{UNLISTED} (HTTP 400, vendor code 400)", None),
        (Reply(401), f"{UNLISTED} (HTTP 401, vendor code 401)", timedelta(minutes=15)),
        (
            Reply(429, headers={"Retry-After": "4"}),
            f"{UNLISTED} (HTTP 429, vendor code 429)",
            timedelta(seconds=4),
        ),
        (Reply(200, b"<html>"), UNLISTED, None),
        (Reply(200, b'{"messages": [3]}'), UNLISTED, None),
        (Reply(200, b"[]"), UNLISTED, None),
        (Fault.SILENCE, UNLISTED, None),
        (Fault.DROP_AFTER_READING, UNLISTED, None),
    ],
)
async def test_a_list_that_cannot_be_read_is_not_an_empty_one(
    step: Reply | Fault, reason: str, delay: timedelta | None
) -> None:
    # aiohttp repeats a GET once whose connection was dropped.
    with pytest.raises(ProviderUnavailableError) as raised:
        await find(step, step)
    assert (raised.value.reason, raised.value.retry_after) == (reason, delay)


async def test_a_second_page_that_cannot_be_read_is_not_the_end() -> None:
    with pytest.raises(ProviderUnavailableError):
        await find(page(listed("SM1", 1, "other"), following=f"{PATH}?Page=1"), Reply(500))
