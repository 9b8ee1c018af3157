"""Does Revtain's stand-in answer recovery requests as the vendor documents it?"""

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError
from pydantic import JsonValue

from sandbox.control import Sandbox
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from sandbox.revtain_ledger import Outcome

Merchant = Any
EXECUTE = "/revtain/api/recovery/execute"
STATUS = "/revtain/api/recovery/status"
KEY = {"X-API-KEY": "rev_good"}


async def execute(browser: ClientSession, **changes: object) -> tuple[int, Any]:
    body = {"paymentMethodToken": "pm_1", "amount": 5000, "currency": "USD", **changes}
    async with browser.post(EXECUTE, json=body, headers=KEY) as answer:
        return answer.status, await answer.json()


async def status(browser: ClientSession, path: str) -> tuple[int, Any]:
    async with browser.get(STATUS + path, headers=KEY) as answer:
        return answer.status, await answer.json()


async def events(sandbox: Sandbox, merchant: Merchant) -> list[Any]:
    await sandbox.revtain.settled()
    return [json.loads(body) for body, _ in merchant.received]


async def test_a_success_is_answered_told_and_remembered(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    code, answer = await execute(browser, simulateOutcome="success", idempotencyKey="INV-1_1")

    identifier = answer["transactionId"]
    assert (code, answer["success"], answer["error"], len(identifier)) == (200, True, None, 26)
    assert await events(sandbox, merchant) == [
        {
            "event": "recovery.success",
            "revtainTransactionId": identifier,
            "amount": 5000,
            "currency": "USD",
            "gatewayTransactionToken": f"pi_{identifier}",
            "message": "Succeeded!",
            "strategyUsed": "primary",
        }
    ]
    _, by_id = await status(browser, f"/{identifier}")
    _, by_key = await status(browser, "?idempotencyKey=INV-1_1")
    assert by_id == by_key
    assert by_id.pop("recoveredAt").endswith("Z")
    assert by_id == {
        "transactionId": identifier,
        "status": "succeeded",
        "recovered": True,
        "amount": 5000,
        "currency": "USD",
        "strategyUsed": "primary",
        "attemptCount": 1,
        "lastDeclineCode": None,
    }


async def test_a_failure_is_told_with_its_action(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    code, answer = await execute(
        browser, simulateOutcome="failed", originalDeclineCode="do_not_honor"
    )

    assert (code, answer["success"]) == (200, False)
    assert await events(sandbox, merchant) == [
        {
            "event": "recovery.failed",
            "revtainTransactionId": answer["transactionId"],
            "amount": 5000,
            "currency": "USD",
            "declineCode": "do_not_honor",
            "recommendedAction": "retry_later",
        }
    ]
    _, found = await status(browser, f"/{answer['transactionId']}")
    assert (found["status"], found["recovered"], found["recommendedAction"]) == (
        "failed",
        False,
        "retry_later",
    )


async def test_a_blocked_attempt_is_forbidden_and_told(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    code, answer = await execute(browser, simulateOutcome="blocked")

    assert (code, answer) == (
        403,
        {
            "error": "Transaction blocked by Revtain Risk Engine to protect Merchant Health.",
            "declineCode": "fraudulent",
            "action": "blocked",
        },
    )
    (event,) = await events(sandbox, merchant)
    assert (event["event"], event["recommendedAction"]) == ("recovery.blocked", "manual_review")


@pytest.mark.parametrize(
    ("decline_code", "answered"),
    [
        ("do_not_honor", 200),
        ("gateway_timeout", 200),
        ("insufficient_funds", 202),
        ("expired_card", 202),
        ("fraudulent", 403),
        ("authentication_required", 403),
    ],
)
async def test_decline_codes_answer_as_documented(
    browser: ClientSession, decline_code: str, answered: int
) -> None:
    code, _ = await execute(browser, originalDeclineCode=decline_code)

    assert code == answered


async def test_a_queued_attempt_is_settled_later(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    _, answer = await execute(browser, originalDeclineCode="insufficient_funds")
    identifier = answer["transactionId"]
    _, before = await status(browser, f"/{identifier}")
    assert (before["status"], await events(sandbox, merchant)) == ("unknown", [])

    settled = f"/_control/revtain/transactions/{identifier}"
    async with browser.post(settled, json={"outcome": "success"}) as done:
        assert done.status == 200

    _, after = await status(browser, f"/{identifier}")
    (event,) = await events(sandbox, merchant)
    assert (after["status"], event["event"]) == ("succeeded", "recovery.success")


async def test_a_key_is_used_once(browser: ClientSession) -> None:
    _, first = await execute(browser, idempotencyKey="INV-1_1")

    code, answer = await execute(browser, idempotencyKey="INV-1_1", amount=7000)

    assert (code, answer) == (
        409,
        {
            "error": "Duplicate recovery request.",
            "message": "A recovery attempt with this idempotencyKey has already been processed.",
            "existingTransactionId": first["transactionId"],
            "existingStatus": "succeeded",
        },
    )


async def test_the_same_charge_must_wait_five_minutes(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    _, first = await execute(browser, idempotencyKey="INV-1_1")

    code, answer = await execute(browser, idempotencyKey="INV-2_1")
    sandbox.clock.advance(timedelta(minutes=5))
    later, _ = await execute(browser, idempotencyKey="INV-2_1")

    assert (code, answer["existingTransactionId"], later) == (409, first["transactionId"], 200)


async def test_the_sixty_first_call_in_a_minute_is_too_many(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    codes = [(await execute(browser, amount=100 + n))[0] for n in range(60)]

    code, answer = await execute(browser, amount=999)
    sandbox.clock.advance(timedelta(minutes=1))
    later, _ = await execute(browser, amount=999)

    assert (set(codes), code, later) == ({200}, 429, 200)
    assert answer["retryAfter"] == "60 seconds"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 49},
        {"amount": 100_000_001},
        {"amount": "5000"},
        {"currency": "usd"},
        {"paymentMethodToken": ""},
        {"idempotencyKey": "k" * 129},
        {"simulateOutcome": "maybe"},
        {"cardOrigin": "USA"},
        {"binPrefix": "4111"},
        {"fallbackPaymentMethodTokens": "pm_2"},
    ],
)
async def test_a_faulty_request_is_refused(
    browser: ClientSession, changes: dict[str, object]
) -> None:
    code, answer = await execute(browser, **changes)

    assert (code, answer["error"]) == (400, "Invalid request.")


async def test_amount_44_forces_a_failure(browser: ClientSession) -> None:
    code, answer = await execute(browser, amount=44)

    assert (code, answer["success"]) == (200, False)


async def test_the_outcome_of_a_card_can_be_set(sandbox: Sandbox, browser: ClientSession) -> None:
    sandbox.revtain.ledger.outcomes["pm_new"] = Outcome.FAILED

    _, answer = await execute(browser, paymentMethodToken="pm_new")

    assert answer["success"] is False


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": "rev_bad"}])
async def test_a_wrong_key_is_unauthorized(browser: ClientSession, headers: dict[str, str]) -> None:
    for call in (browser.post(EXECUTE, headers=headers), browser.get(STATUS, headers=headers)):
        async with call as answer:
            assert answer.status == 401


async def test_an_unknown_transaction_is_not_found(browser: ClientSession) -> None:
    assert (await status(browser, "/01NONE"))[0] == 404


async def test_faults_strike_here_too(sandbox: Sandbox, browser: ClientSession) -> None:
    sandbox.faults.plan(Vendor.REVTAIN, Fault(kind=FaultKind.STATUS, status=503), to="pm_1")

    codes = [(await execute(browser, paymentMethodToken=card))[0] for card in ("pm_2", "pm_1")]

    assert codes == [200, 503]


async def test_an_event_that_was_made_up_is_true_from_then_on(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    failed: dict[str, JsonValue] = {
        "event": "recovery.failed",
        "declineCode": "expired_card",
        "amount": 4900,
    }
    success: dict[str, JsonValue] = {"event": "recovery.success"}
    named: dict[str, JsonValue] = {"revtainTransactionId": "txn-1", "idempotencyKey": "INV-1"}
    seen: list[str] = []
    for event in (failed, success, failed):
        await sandbox.revtain.fire({**event, **named}, hold=True)
        _, found = await status(browser, "/txn-1")
        assert (await status(browser, "?idempotencyKey=INV-1")) == (200, found)
        seen.append(found["status"])
    # A success is final, and what was forged tells nothing.
    assert seen == ["failed", "succeeded", "succeeded"]
    await sandbox.revtain.fire({**failed, "revtainTransactionId": "txn-2"}, forge=True, hold=True)
    assert (await status(browser, "/txn-2"))[0] == 404


async def test_an_ambiguous_answer_is_accepted_and_resolved_later(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    sandbox.revtain.set_outcome("pm_1", Outcome.UNKNOWN)
    code, answer = await execute(browser, idempotencyKey="INV-1_1")
    again, duplicate = await execute(browser, idempotencyKey="INV-1_1")

    assert (code, answer["status"], again, duplicate["existingStatus"]) == (
        *(202, "unknown"),
        *(409, "unknown"),
    )
    assert await events(sandbox, merchant) == []
    await sandbox.revtain.settle(answer["transactionId"], "success")
    (event,) = await events(sandbox, merchant)
    _, found = await status(browser, "?idempotencyKey=INV-1_1")
    assert (event["event"], event["revtainTransactionId"], found["status"]) == (
        *("recovery.success", answer["transactionId"]),
        "succeeded",
    )
    with pytest.raises(KeyError):
        await sandbox.revtain.settle("nobody", "success")


async def test_the_code_of_a_failure_can_be_set(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    async with browser.put("/_control/revtain/decline-codes", json={"pm_1": "stolen_card"}) as set_:
        assert set_.status == 200
    sandbox.revtain.set_outcome("pm_1", Outcome.FAILED)
    _, answer = await execute(browser, originalDeclineCode="expired_card")
    (event,) = await events(sandbox, merchant)
    assert (answer["error"], event["declineCode"]) == ("stolen_card", "stolen_card")


async def test_an_answer_may_be_lost_after_the_charge_was_taken(
    sandbox: Sandbox, browser: ClientSession, merchant: Merchant
) -> None:
    lost = Fault(kind=FaultKind.DROP, when=Moment.AFTER)
    sandbox.faults.plan(Vendor.REVTAIN, lost, to="pm_1")
    with pytest.raises(ServerDisconnectedError):
        await execute(browser, idempotencyKey="INV-1_1")

    code, found = await status(browser, "?idempotencyKey=INV-1_1")
    (event,) = await events(sandbox, merchant)
    assert (code, found["transactionId"]) == (200, event["revtainTransactionId"])


async def test_attempts_are_read_over_http(sandbox: Sandbox, browser: ClientSession) -> None:
    await execute(
        browser,
        cardOrigin="US",
        binPrefix="411111",
        fallbackPaymentMethodTokens=["pm_2"],
        idempotencyKey="INV-1_1",
    )
    async with browser.get("/_control/revtain/transactions") as answer:
        (attempt,) = await answer.json()
    assert attempt["id"] == sandbox.revtain.attempts[0].id
    assert attempt["request"] == {
        "paymentMethodToken": "pm_1",
        "amount": 5000,
        "currency": "USD",
        "originalDeclineCode": None,
        "idempotencyKey": "INV-1_1",
        "customerEmail": None,
        "cardOrigin": "US",
        "binPrefix": "411111",
        "fallbackPaymentMethodTokens": ["pm_2"],
        "simulateOutcome": None,
    }
    (sent,) = sandbox.messages.requests
    assert (sent.vendor, sent.path) == ("revtain", "/api/recovery/execute")
