"""Has every answer to a charge the meaning that Revtain's pages give it?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.charge import ChargeAnswer, ChargeRequest, ChargeStatus
from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from dunning.money import Money
from providers.revtain.api import RevtainApi
from sandbox.control import Sandbox
from sandbox.faults import Fault as Planned
from sandbox.faults import FaultKind, Moment, Operation, Vendor
from sandbox.settings import SandboxSettings
from tests.providers.revtain import HTML, NOW, SECRET, reply, scripted
from tests.providers.scripted_server import Fault, Reply, refusing_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ID = "01KKZ14FEZK152ZBXEM2XK1B0C"
REQUEST = ChargeRequest(
    token="pm_1", money=Money(minor=5000, currency="USD"), idempotency_key="INV-1_new_card_1"
)
RECOVERED = {
    "success": True,
    "message": "Revenue Recovered",
    "error": None,
    "transactionId": ID,
    "strategyUsed": "primary",
    "gatewaysAttempted": 1,
    "recoveryEngineApplied": True,
    "ai": {"score": 72.5, "confidence": 68, "reasoning": "...", "dataSource": "blended"},
}
FAILED = {**RECOVERED, "success": False, "message": "Recovery failed", "error": "do_not_honor"}
BLOCKED = {
    "error": "Transaction blocked by Revtain Risk Engine to protect Merchant Health.",
    "declineCode": "fraudulent",
    "action": "blocked",
}
DUPLICATE = {
    "error": "Duplicate recovery request.",
    "message": "A recovery attempt with this idempotencyKey has already been processed.",
    "existingTransactionId": "01OFANOTHERINVOICE",
    "existingStatus": "succeeded",
}
STANDING = {
    "transactionId": ID,
    "status": "failed",
    "recovered": False,
    "amount": 5000,
    "currency": "USD",
    "recoveredAt": None,
    "strategyUsed": "primary",
    "attemptCount": 1,
    "lastDeclineCode": "do_not_honor",
    "recommendedAction": "retry_later",
}
UNKNOWN_KEY = reply(404, {"error": "Transaction not found."})


async def charged(*script: Reply | Fault) -> ChargeAnswer:
    async with scripted(*script) as (api, _):
        return await api.charge(REQUEST)


def answered(status: ChargeStatus, transaction_id: str | None = ID, **more: object) -> ChargeAnswer:
    return replace(ChargeAnswer(status=status, transaction_id=transaction_id), **more)  # type: ignore[arg-type]  # columns of the tables


async def test_the_request_holds_what_is_known_and_nothing_else() -> None:
    full = ChargeRequest(
        token="pm_1",
        money=Money(minor=44, currency="JPY"),
        idempotency_key="INV-1_1",
        decline_code="expired_card",
        customer_email="ada@example.com",
        card_country="US",
        card_prefix="411111",
        fallback_tokens=("pm_2", "pm_3"),
        simulate="success",
    )
    async with scripted(reply(200, RECOVERED), reply(200, RECOVERED)) as (api, server):
        await api.charge(full)
        await api.charge(REQUEST)
    first, second = server.received
    assert (first.method, first.target) == ("POST", "/api/recovery/execute")
    headers = {name: first.headers[name] for name in ("x-api-key", "content-type")}
    assert headers == {"x-api-key": "rev_1", "content-type": "application/json"}
    assert json.loads(first.body) == {
        "paymentMethodToken": "pm_1",
        "amount": 44,
        "currency": "JPY",
        "originalDeclineCode": "expired_card",
        "idempotencyKey": "INV-1_1",
        "customerEmail": "ada@example.com",
        "cardOrigin": "US",
        "binPrefix": "411111",
        "fallbackPaymentMethodTokens": ["pm_2", "pm_3"],
        "simulateOutcome": "success",
    }
    assert json.loads(second.body) == {
        "paymentMethodToken": "pm_1",
        "amount": 5000,
        "currency": "USD",
        "idempotencyKey": "INV-1_new_card_1",
    }


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (RECOVERED, answered(ChargeStatus.RECOVERED)),
        ({"success": True}, answered(ChargeStatus.RECOVERED, None)),
        ({**RECOVERED, "transactionId": 7}, answered(ChargeStatus.RECOVERED, None)),
        (FAILED, answered(ChargeStatus.FAILED, decline_code="do_not_honor")),
        ({**FAILED, "error": "The bank said no."}, answered(ChargeStatus.FAILED)),
        ({**FAILED, "error": "c" * 65}, answered(ChargeStatus.FAILED)),
        ({**FAILED, "error": {"code": 1}}, answered(ChargeStatus.FAILED)),
        (
            {**FAILED, "declineCode": "2010", "recommendedAction": "request_card_update"},
            answered(
                ChargeStatus.FAILED,
                decline_code="2010",
                recommended_action="request_card_update",
            ),
        ),
    ],
)
async def test_200_is_final(body: object, meaning: ChargeAnswer) -> None:
    assert await charged(reply(200, body)) == meaning


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ({"message": "Queued.", "transactionId": ID}, answered(ChargeStatus.QUEUED)),
        ({"message": "Queued."}, answered(ChargeStatus.QUEUED, None)),
        ({"status": "queued", "transactionId": ID}, answered(ChargeStatus.QUEUED)),
        ({"status": "unknown", "transactionId": ID}, answered(ChargeStatus.UNKNOWN)),
        ({"status": "unknown"}, answered(ChargeStatus.UNKNOWN, None)),
    ],
)
async def test_202_is_not_final(body: object, meaning: ChargeAnswer) -> None:
    assert await charged(reply(202, body)) == meaning


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (BLOCKED, "fraudulent"),
        ({"action": "blocked"}, None),
        ({**BLOCKED, "declineCode": "authentication_required"}, "authentication_required"),
        ({"declineCode": "authentication_required"}, "authentication_required"),
        (
            {"declineCode": "authentication_required", "action": "authenticate"},
            "authentication_required",
        ),
    ],
)
async def test_403_of_the_risk_engine_is_a_block(body: object, code: str | None) -> None:
    found = await charged(reply(403, body))
    assert found == answered(ChargeStatus.BLOCKED, None, decline_code=code)


async def test_403_may_name_its_transaction_and_action() -> None:
    body = {**BLOCKED, "transactionId": ID, "recommendedAction": "manual_review"}
    assert await charged(reply(403, body)) == answered(
        ChargeStatus.BLOCKED, decline_code="fraudulent", recommended_action="manual_review"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(401, {"error": SECRET}), "REVTAIN_API_KEY"),
        (Reply(401, HTML), "REVTAIN_API_KEY"),
        (reply(403, {"error": SECRET}), "REVTAIN_API_KEY"),
        (reply(403, {"declineCode": "fraudulent"}), "REVTAIN_API_KEY"),
        (Reply(403, HTML), "REVTAIN_API_KEY"),
        (Reply(404, HTML), "REVTAIN_BASE_URL"),
        (reply(405, {}), "REVTAIN_BASE_URL"),
        (reply(302, {}, Location="http://127.0.0.1:1/"), "REVTAIN_BASE_URL"),
        (reply(308, {}, Location="http://127.0.0.1:1/"), "REVTAIN_BASE_URL"),
    ],
)
async def test_401_other_403_and_redirects_are_ours_to_mend(answer: Reply, words: str) -> None:
    with pytest.raises(ProviderMisconfiguredError, match=words) as fault:
        await charged(answer)
    assert "ada@" not in str(fault.value)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("succeeded", answered(ChargeStatus.RECOVERED, money=REQUEST.money)),
        (
            "failed",
            answered(
                ChargeStatus.FAILED,
                decline_code="do_not_honor",
                recommended_action="retry_later",
            ),
        ),
        (
            "blocked",
            answered(
                ChargeStatus.BLOCKED,
                decline_code="do_not_honor",
                recommended_action="retry_later",
            ),
        ),
        ("unknown", answered(ChargeStatus.UNKNOWN)),
    ],
)
async def test_409_of_our_own_key_is_what_came_of_it(status: str, meaning: ChargeAnswer) -> None:
    standing = {**STANDING, "status": status}
    async with scripted(reply(409, DUPLICATE), reply(200, standing)) as (api, server):
        found = await api.charge(REQUEST)
    assert found == replace(meaning, earlier=True)
    assert [(one.method, one.target) for one in server.received] == [
        ("POST", "/api/recovery/execute"),
        ("GET", "/api/recovery/status?idempotencyKey=INV-1_new_card_1"),
    ]


@pytest.mark.parametrize(
    ("said", "money"),
    [
        ({"amount": 2000}, Money(minor=2000, currency="USD")),
        ({"currency": "eur"}, Money(minor=5000, currency="EUR")),
        ({"amount": 0}, None),
        ({"amount": "5000"}, None),
        ({"amount": None}, None),
        ({"currency": "dollars"}, None),
    ],
)
async def test_409_of_our_own_key_tells_what_was_collected(
    said: dict[str, object], money: Money | None
) -> None:
    standing = {**STANDING, "status": "succeeded", **said}
    async with scripted(reply(409, DUPLICATE), reply(200, standing)) as (api, _):
        assert (await api.charge(REQUEST)).money == money


@pytest.mark.parametrize("message", [DUPLICATE["message"], "same card and amount", ""])
async def test_409_of_another_charge_is_a_collision_whatever_its_text(message: str) -> None:
    duplicate = reply(409, {**DUPLICATE, "message": message})
    assert await charged(duplicate, UNKNOWN_KEY) == ChargeAnswer(status=ChargeStatus.COLLIDES)


async def test_409_without_a_body_is_asked_about_too() -> None:
    found = await charged(Reply(409), reply(200, {**STANDING, "status": "unknown"}))
    assert found == answered(ChargeStatus.UNKNOWN, earlier=True)


@pytest.mark.parametrize(
    "second", [reply(503, {}), reply(401, {}), reply(400, {}), Reply(200), Fault.SILENCE]
)
async def test_409_that_cannot_be_asked_about_leaves_a_doubt(second: Reply | Fault) -> None:
    with pytest.raises(OutcomeUnknownError, match="duplicate") as fault:
        await charged(reply(409, DUPLICATE), second)
    assert fault.value.__context__ is None


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (reply(429, {"error": "Too many …", "retryAfter": "60 seconds"}), 60),
        (reply(429, {"error": "Too many …", "retryAfter": "5 seconds"}), 5),
        (reply(429, {"retryAfter": "a while"}), 60),
        (reply(429, {"retryAfter": "60 seconds"}, Retry_After="9"), 9),
        (Reply(429, HTML), 60),
    ],
)
async def test_429_is_a_pause(answer: Reply, seconds: int) -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await charged(answer)
    assert fault.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [400, 404, 410, 413, 422, 451])
async def test_400_and_other_4xx_are_refusals(status: int) -> None:
    with pytest.raises(ProviderRejectedError, match=str(status)) as fault:
        await charged(reply(status, {"error": "Invalid request.", "message": SECRET}))
    assert "ada@" not in str(fault.value)
    assert "50 to 100000000" in fault.value.reason


@pytest.mark.parametrize("status", [408, 425])
async def test_408_and_425_were_not_taken(status: int) -> None:
    with pytest.raises(ProviderUnavailableError, match=str(status)):
        await charged(reply(status, {}))


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, {"error": SECRET}),
        Reply(502, HTML),
        reply(503, {}, Retry_After="30"),
        Reply(504),
        Reply(200, HTML),
        Reply(200, b""),
        Reply(200, b"[]"),
        Reply(200, b"{" * 5000),
        Reply(202, HTML),
        reply(200, {}),
        reply(200, {"success": "true"}),
        reply(200, {"success": None, "transactionId": ID}),
        reply(201, RECOVERED),
        Reply(204),
        reply(303, {}, Location="http://127.0.0.1:1/"),
        Fault.DROP_BEFORE_READING,
        Fault.DROP_AFTER_READING,
        Fault.DROP_INSIDE_ANSWER,
        Fault.SILENCE,
    ],
)
async def test_5xx_no_answer_and_what_cannot_be_read_leave_a_doubt(answer: Reply | Fault) -> None:
    async with scripted(answer) as (api, server):
        with pytest.raises(OutcomeUnknownError) as fault:
            await api.charge(REQUEST)
    # Never a second time by itself.
    assert server.connections == 1
    assert (fault.value.__cause__, "ada@" in str(fault.value)) == (None, False)


async def test_nobody_is_there_to_take_it() -> None:
    async with RevtainApi("rev_1", now=lambda: NOW, base_url=refusing_url()) as api:
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            await api.charge(REQUEST)


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:99999", "ftp://127.0.0.1"])
async def test_an_address_that_is_none_takes_nothing(address: str) -> None:
    async with RevtainApi("rev_1", now=lambda: NOW, base_url=address) as api:
        with pytest.raises(ProviderUnavailableError, match="REVTAIN_BASE_URL"):
            await api.charge(REQUEST)


async def test_without_a_key_nothing_is_sent() -> None:
    async with scripted(key=None) as (api, server):
        with pytest.raises(ProviderMisconfiguredError, match="REVTAIN_API_KEY is not set"):
            await api.charge(REQUEST)
    assert server.connections == 0


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_good",))) as started:
        yield started


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncGenerator[RevtainApi]:
    async with RevtainApi("rev_good", now=lambda: NOW, base_url=sandbox.revtain_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("success", ChargeStatus.RECOVERED, None),
        ("failed", ChargeStatus.FAILED, "stolen_card"),
        ("blocked", ChargeStatus.BLOCKED, "stolen_card"),
        ("queued", ChargeStatus.QUEUED, None),
        ("unknown", ChargeStatus.UNKNOWN, None),
    ],
)
async def test_the_stand_in_has_every_outcome(
    sandbox: Sandbox, api: RevtainApi, outcome: str, status: ChargeStatus, code: str | None
) -> None:
    sandbox.revtain.set_outcome("pm_1", outcome, "stolen_card")
    found = await api.charge(REQUEST)
    (attempt,) = sandbox.revtain.attempts
    assert (found.status, found.decline_code) == (status, code)
    assert found.transaction_id == (None if status is ChargeStatus.BLOCKED else attempt.id)


async def test_the_two_duplicates_of_the_stand_in_are_told_apart(
    sandbox: Sandbox, api: RevtainApi
) -> None:
    first = await api.charge(REQUEST)
    assert await api.charge(REQUEST) == replace(first, earlier=True, money=REQUEST.money)
    other = await api.charge(replace(REQUEST, idempotency_key="INV-2_1"))
    assert other == ChargeAnswer(status=ChargeStatus.COLLIDES)
    sandbox.clock.advance(timedelta(minutes=5))
    later = await api.charge(replace(REQUEST, idempotency_key="INV-2_1"))
    assert later.status is ChargeStatus.RECOVERED
    assert later.transaction_id != first.transaction_id


async def test_a_charge_whose_answer_was_lost_is_found_by_its_key(
    sandbox: Sandbox, api: RevtainApi
) -> None:
    lost = Planned(kind=FaultKind.DROP, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.REVTAIN, lost, operation=Operation.SEND, to="pm_1")
    with pytest.raises(OutcomeUnknownError):
        await api.charge(REQUEST)
    standing = await api.by_key(REQUEST.idempotency_key)
    (attempt,) = sandbox.revtain.attempts
    assert standing is not None
    assert (standing.transaction_id, standing.status) == (attempt.id, "succeeded")
    # Whoever charges again under the same key charges nothing.
    again = await api.charge(REQUEST)
    assert (again.status, again.earlier) == (ChargeStatus.RECOVERED, True)
    assert len(sandbox.revtain.attempts) == 1


async def test_what_the_stand_in_refuses_is_refused(api: RevtainApi) -> None:
    with pytest.raises(ProviderRejectedError, match="400"):
        await api.charge(replace(REQUEST, money=Money(minor=49, currency="USD")))
    forced = await api.charge(replace(REQUEST, money=Money(minor=44, currency="USD")))
    assert forced.status is ChargeStatus.FAILED


async def test_the_stand_in_keeps_its_limit(sandbox: Sandbox, api: RevtainApi) -> None:
    for number in range(60):
        money = Money(minor=100 + number, currency="USD")
        key = f"INV-{number}_1"
        await api.charge(replace(REQUEST, money=money, idempotency_key=key))
    with pytest.raises(ProviderError) as fault:
        await api.charge(replace(REQUEST, idempotency_key="INV-60_1"))
    assert isinstance(fault.value, ProviderUnavailableError)
    assert fault.value.retry_after == timedelta(seconds=60)
    assert len(sandbox.revtain.attempts) == 60
