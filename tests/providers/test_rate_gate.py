"""Is a vendor that asks for a pause left in peace by all requests, for as long as it asked?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dunning.errors import ProviderUnavailableError
from providers.rate_gate import RateGate
from providers.sendgrid.sender import SendGridEmail
from tests.providers.messages import EMAIL
from tests.providers.scripted_server import Reply, ScriptedServer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TAKEN = Reply(202, headers={"X-Message-Id": "one"})
A_MOMENT = {"Retry-After": "0.2"}


def now() -> datetime:
    return NOW


def reset(seconds: float) -> str:
    """An instant of the wall clock as the vendor's header gives it."""
    return str(int(NOW.timestamp() + seconds))


async def test_a_refusal_is_told_with_its_delay_and_holds_back_who_comes_next() -> None:
    loop = asyncio.get_running_loop()
    async with (
        ScriptedServer(Reply(429, headers=A_MOMENT), TAKEN) as server,
        SendGridEmail("SG.key", now=now, base_url=server.url) as email,
    ):
        assert await _refused(email) == timedelta(seconds=0.2)
        began = loop.time()
        await email.ready()
        assert loop.time() - began >= 0.15
        assert (await email.send(EMAIL)).provider_id == "one"
    assert len(server.received) == 2


async def test_what_is_sent_never_waits_once_it_is_on_its_way() -> None:
    loop = asyncio.get_running_loop()
    async with (
        ScriptedServer(Reply(429, headers={"Retry-After": "3"}), TAKEN) as server,
        SendGridEmail("SG.key", now=now, base_url=server.url) as email,
    ):
        await _refused(email)
        began = loop.time()
        assert (await email.send(EMAIL)).provider_id == "one"
    assert loop.time() - began < 1


async def test_a_long_pause_of_one_message_holds_the_others_back_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("providers.rate_gate.LONGEST_HOLD", timedelta(seconds=0.3))
    busy = Reply(429, headers={"Retry-After": "7200"})
    loop = asyncio.get_running_loop()
    async with (
        ScriptedServer(busy) as server,
        SendGridEmail("SG.key", now=now, base_url=server.url) as email,
    ):
        assert await _refused(email) == timedelta(hours=2)
        began = loop.time()
        await email.ready()
    assert 0.2 < loop.time() - began < 3


async def test_after_the_last_request_of_a_period_the_next_one_waits() -> None:
    last = Reply(
        202,
        headers={
            "X-Message-Id": "last",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset(1),
        },
    )
    loop = asyncio.get_running_loop()
    async with (
        ScriptedServer(last) as server,
        SendGridEmail("SG.key", now=now, base_url=server.url) as email,
    ):
        assert (await email.send(EMAIL)).provider_id == "last"
        began = loop.time()
        await email.ready()
    assert loop.time() - began >= 0.9


async def test_a_gate_that_never_opens_sends_the_message_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("providers.rate_gate._PATIENCE", timedelta(seconds=0.1))
    gate = RateGate("SendGrid", now=now)
    gate.heed(429, A_MOMENT)
    closing = asyncio.get_running_loop().call_later(0.15, gate.heed, 429, A_MOMENT)
    with pytest.raises(ProviderUnavailableError, match="kept at its rate limit"):
        await gate.pass_through()
    closing.cancel()


async def _refused(email: SendGridEmail) -> timedelta:
    with pytest.raises(ProviderUnavailableError) as raised:
        await email.send(EMAIL)
    assert raised.value.retry_after is not None
    return raised.value.retry_after


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-RateLimit-Remaining": "0"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "x"}],
)
async def test_headers_without_an_instant_close_nothing(headers: dict[str, str]) -> None:
    gate = RateGate("SendGrid", now=now)
    gate.heed(202, headers)
    async with asyncio.timeout(0.1):
        await gate.pass_through()
