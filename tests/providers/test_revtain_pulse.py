"""Does a payment without any recovery reach Revtain, and is every answer understood?"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dunning.errors import (
    OutcomeUnknownError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from dunning.money import Money
from providers.revtain.api import RevtainApi
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from tests.providers.revtain import HTML, NOW, SECRET, reply, scripted
from tests.providers.scripted_server import Fault, Reply, refusing_url

MONEY = Money(minor=4900, currency="EUR")
LOGGED = {
    "success": True,
    "message": "Organic success logged",
    "transactionId": "da646dba-ce56-4483-ad0a-2a4fac54a5e2",
}


async def told(*script: Reply | Fault, reference: str | None = "ORDER-1") -> str:
    async with scripted(*script) as (api, _):
        return await api.succeeded(MONEY, reference)


async def test_the_request_holds_the_reference_if_there_is_one() -> None:
    async with scripted(reply(200, LOGGED), reply(200, LOGGED)) as (api, server):
        await api.succeeded(MONEY, "ORDER-1")
        await api.succeeded(MONEY)
    assert [(one.method, one.target, json.loads(one.body)) for one in server.received] == [
        (
            *("POST", "/api/recovery/pulse"),
            {"amount": 4900, "currency": "EUR", "transactionId": "ORDER-1"},
        ),
        ("POST", "/api/recovery/pulse", {"amount": 4900, "currency": "EUR"}),
    ]


@pytest.mark.parametrize("status", [200, 201])
async def test_the_id_is_the_one_that_revtain_tells(status: int) -> None:
    assert await told(reply(status, LOGGED)) == LOGGED["transactionId"]


async def test_without_one_it_is_the_one_that_was_sent() -> None:
    assert await told(reply(200, {"success": True})) == "ORDER-1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(401, {"error": SECRET}), "REVTAIN_API_KEY"),
        (reply(403, {"error": SECRET}), "REVTAIN_API_KEY"),
        (Reply(404, HTML), "REVTAIN_BASE_URL"),
        (reply(301, {}, Location="http://127.0.0.1:1/"), "REVTAIN_BASE_URL"),
    ],
)
async def test_401_403_and_redirects_are_ours_to_mend(answer: Reply, words: str) -> None:
    with pytest.raises(ProviderMisconfiguredError, match=words):
        await told(answer)


async def test_429_is_a_pause() -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await told(reply(429, {"retryAfter": "30 seconds"}))
    assert fault.value.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    "answer",
    [
        reply(400, {"error": SECRET}),
        reply(404, {"error": SECRET}),
        reply(422, {}),
        reply(200, {"success": False, "message": SECRET}),
    ],
)
async def test_400_and_a_no_are_refusals(answer: Reply) -> None:
    with pytest.raises(ProviderRejectedError, match="from 50 to 100000000") as fault:
        await told(answer)
    assert "ada@" not in str(fault.value)


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, {}),
        Reply(503, HTML),
        Reply(200, HTML),
        reply(200, {}),
        reply(200, {"transactionId": "x"}),
        Fault.DROP_AFTER_READING,
        Fault.SILENCE,
    ],
)
async def test_5xx_no_answer_and_what_cannot_be_read_leave_a_doubt(answer: Reply | Fault) -> None:
    with pytest.raises(OutcomeUnknownError):
        await told(answer)


async def test_an_id_that_nobody_tells_leaves_a_doubt() -> None:
    with pytest.raises(OutcomeUnknownError):
        await told(reply(200, {"success": True}), reference=None)


async def test_nobody_is_there() -> None:
    async with RevtainApi("rev_1", now=lambda: NOW, base_url=refusing_url()) as api:
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            await api.succeeded(MONEY)


async def test_the_stand_in_logs_it() -> None:
    async with (
        Sandbox.start(SandboxSettings(revtain_api_keys=("rev_good",))) as sandbox,
        RevtainApi("rev_good", now=lambda: NOW, base_url=sandbox.revtain_url) as api,
    ):
        assert await api.succeeded(MONEY, "ORDER-1") != "ORDER-1"
        with pytest.raises(ProviderRejectedError, match="400"):
            await api.succeeded(Money(minor=49, currency="EUR"))
        assert sandbox.revtain.ledger.pulses == [
            {"amount": 4900, "currency": "EUR", "transactionId": "ORDER-1"}
        ]
