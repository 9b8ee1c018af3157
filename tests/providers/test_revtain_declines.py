"""Is a decline code looked up without our key, and every answer understood?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from dunning.charge import DeclineMeaning
from dunning.errors import (
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from providers.revtain.api import RevtainApi
from providers.revtain.declines import GATEWAYS
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from tests.providers.revtain import HTML, NOW, SECRET, reply, scripted
from tests.providers.scripted_server import Fault, Reply

FOUND = {
    "gateway": "braintree",
    "gatewayLabel": "Braintree",
    "rawCode": "2010",
    "canonicalCode": "insufficient_funds",
    "category": "soft",
    "plainEnglish": "There is not enough money on the account.",
    "variantsOnOtherGateways": [{"gateway": "stripe", "code": "insufficient_funds"}],
}
MEANING = DeclineMeaning(
    gateway="braintree",
    code="2010",
    canonical="insufficient_funds",
    category="soft",
    plain_english="There is not enough money on the account.",
)


async def looked_up(
    *script: Reply | Fault, gateway: str = "braintree", code: str = "2010"
) -> DeclineMeaning | None:
    async with scripted(*script) as (api, _):
        return await api.meaning(gateway, code)


@pytest.mark.parametrize("key", ["rev_1", None])
async def test_it_is_asked_for_without_the_key(key: str | None) -> None:
    async with scripted(reply(200, FOUND), reply(404, {}), key=key) as (api, server):
        assert await api.meaning("braintree", "2010") == MEANING
        assert await api.meaning("stripe", "a/b c?%") is None
    assert [(one.method, one.target) for one in server.received] == [
        ("GET", "/api/lookup/decline/braintree/2010"),
        ("GET", "/api/lookup/decline/stripe/a%2Fb%20c%3F%25"),
    ]
    assert all("x-api-key" not in one.headers for one in server.received)


async def test_a_meaning_without_words_is_one() -> None:
    found = await looked_up(reply(200, {**FOUND, "plainEnglish": None}))
    assert found is not None
    assert found.plain_english == ""


@pytest.mark.parametrize("gateway", ["", "Stripe", "paypal", "../execute", "stripe/x"])
async def test_another_gateway_is_not_asked_for(gateway: str) -> None:
    async with scripted() as (api, server):
        with pytest.raises(ProviderRejectedError, match="stripe, braintree, adyen"):
            await api.meaning(gateway, "2010")
    assert (server.connections, len(GATEWAYS)) == (0, 9)


@pytest.mark.parametrize("code", ["", " ", ".", "..", "a\nb", "x" * 101])
async def test_what_is_no_code_is_not_asked_for(code: str) -> None:
    async with scripted() as (api, server):
        with pytest.raises(ProviderRejectedError, match="printable"):
            await api.meaning("stripe", code)
    assert server.connections == 0


async def test_400_is_a_refusal() -> None:
    with pytest.raises(ProviderRejectedError, match="400") as fault:
        await looked_up(reply(400, {"error": SECRET}))
    assert "ada@" not in str(fault.value)


@pytest.mark.parametrize("answer", [Reply(404, HTML), reply(302, {})])
async def test_a_page_that_says_404_is_not_revtain(answer: Reply) -> None:
    with pytest.raises(ProviderMisconfiguredError, match="REVTAIN_BASE_URL"):
        await looked_up(answer)


async def test_429_is_a_pause() -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await looked_up(Reply(429, HTML))
    assert fault.value.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, {}),
        Reply(200, HTML),
        reply(200, {}),
        reply(200, {**FOUND, "category": None}),
        reply(200, {**FOUND, "canonicalCode": 7}),
        Fault.DROP_AFTER_READING,
        Fault.SILENCE,
    ],
)
async def test_without_an_answer_nothing_is_concluded(answer: Reply | Fault) -> None:
    with pytest.raises(ProviderUnavailableError):
        await looked_up(answer)


async def test_the_stand_in_knows_some() -> None:
    async with (
        Sandbox.start(SandboxSettings(revtain_api_keys=("rev_good",))) as sandbox,
        RevtainApi(None, now=lambda: NOW, base_url=sandbox.revtain_url) as api,
    ):
        assert await api.meaning("braintree", "2010") == MEANING
        assert await api.meaning("braintree", "9999") is None
