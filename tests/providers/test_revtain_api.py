"""Has every answer of Revtain's a meaning, and does the question reach it as documented?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import JsonValue

from dunning.errors import (
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from dunning.inbound import InboundKind
from dunning.recovery import RecoveryAnswer, RecoveryStatus, is_news
from dunning.states import State
from providers.revtain.api import RevtainApi
from providers.revtain.reader import RevtainReader
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from tests.providers.revtain import HTML, NOW, reply, scripted
from tests.providers.scripted_server import Fault, Reply, ScriptedServer, refusing_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ID = "01KKZ14FEZK152ZBXEM2XK1B0C"
# As Revtain's pages print it.
SUCCEEDED = {
    "transactionId": ID,
    "status": "succeeded",
    "recovered": True,
    "amount": 5000,
    "currency": "USD",
    "recoveredAt": "2026-03-17T23:15:21.000Z",
    "strategyUsed": "primary",
    "attemptCount": 1,
    "lastDeclineCode": "do_not_honor",
}
FAILED = {
    **SUCCEEDED,
    "status": "failed",
    "recovered": False,
    "recommendedAction": "request_card_update",
}


async def asked(*script: Reply | Fault, key: str = "rev_1", by: str | None = None) -> Any:
    async with scripted(*script, key=key) as (api, _):
        return await (api.by_transaction(ID) if by is None else api.by_key(by))


def event_of(answer: RecoveryAnswer | None) -> tuple[Any, ...]:
    """What the reader of webhooks makes of the answer."""
    assert answer is not None
    event = RevtainReader().read(answer.body)
    assert event.problem is None
    return (
        *(answer.status, event.kind, event.transaction_id, event.amount, event.currency),
        *(event.recommended_action, event.decline_code),
    )


async def test_the_question_carries_the_key_and_escapes_what_is_asked() -> None:
    async with (
        ScriptedServer(reply(404, {}), reply(404, {})) as server,
        RevtainApi("rev_1", now=lambda: NOW, base_url=f"{server.url}/x/") as api,
    ):
        assert await api.by_transaction("a/b?c d%2F") is None
        assert await api.by_key("INV-1&x=ü") is None
        # None is a place of its own in an address.
        assert [await api.by_transaction(odd) for odd in ("..", ".", "")] == [None] * 3
    assert [(one.method, one.target, one.headers["x-api-key"]) for one in server.received] == [
        ("GET", "/x/api/recovery/status/a%2Fb%3Fc%20d%252F", "rev_1"),
        ("GET", "/x/api/recovery/status?idempotencyKey=INV-1%26x%3D%C3%BC", "rev_1"),
    ]


async def test_a_success_reads_like_the_event() -> None:
    found = event_of(await asked(reply(200, SUCCEEDED)))
    assert found == ("succeeded", InboundKind.SUCCESS, ID, 5000, "USD", None, None)
    assert found == event_of(await asked(reply(200, SUCCEEDED), by="INV-1"))


async def test_a_failure_reads_like_the_event() -> None:
    failed = await asked(reply(200, FAILED))
    assert event_of(failed) == (
        *("failed", InboundKind.FAILED, ID, 5000, "USD"),
        *("request_card_update", "do_not_honor"),
    )
    blocked = await asked(reply(200, {**FAILED, "status": "blocked"}))
    assert event_of(blocked)[:2] == ("blocked", InboundKind.BLOCKED)


async def test_the_same_standing_is_the_same_bytes() -> None:
    later = {**FAILED, "attemptCount": 2, "explanation": "…"}
    assert await asked(reply(200, FAILED)) == await asked(reply(200, later))


@pytest.mark.parametrize("amount", ["5000", 49.5, -1, True])
async def test_money_that_cannot_be_read_is_no_payment(amount: object) -> None:
    answer = await asked(reply(200, {**SUCCEEDED, "amount": amount}))
    assert "amount must be" in str(RevtainReader().read(answer.body).problem)


async def test_a_simulated_payment_stays_one() -> None:
    answer = await asked(reply(200, {**SUCCEEDED, "isSimulated": True}))
    assert RevtainReader().read(answer.body).simulated


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {**FAILED, "status": "unknown"}),
        (200, {**FAILED, "status": "queued_for_payday"}),
        (202, {"message": "Insufficient funds: queued.", "transactionId": ID}),
        (202, {"message": "Insufficient funds: queued."}),
        (202, {"status": "unknown"}),
        (409, {"error": "…", "existingTransactionId": ID, "existingStatus": "unknown"}),
    ],
)
async def test_what_is_not_final_is_still_open(status: int, body: object) -> None:
    found = await asked(reply(status, body))
    assert found == RecoveryAnswer(transaction_id=ID, status=RecoveryStatus.UNKNOWN)


async def test_a_block_and_a_duplicate_are_standings_too() -> None:
    told = {"error": "Transaction blocked …", "declineCode": "fraudulent", "action": "blocked"}
    found = event_of(await asked(reply(403, told)))
    assert found == ("blocked", InboundKind.BLOCKED, ID, None, None, None, "fraudulent")
    again = {"error": "Duplicate", "existingTransactionId": ID, "existingStatus": "succeeded"}
    assert event_of(await asked(reply(409, again)))[:3] == ("succeeded", InboundKind.SUCCESS, ID)


@pytest.mark.parametrize("by", [None, "INV-1"])
async def test_nobody_knows_it(by: str | None) -> None:
    assert await asked(reply(404, {"error": "Transaction not found."}), by=by) is None


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"error": "Missing or invalid API key."}, "REVTAIN_API_KEY"),
        (403, {"error": "Forbidden"}, "REVTAIN_API_KEY"),
        (405, {}, "REVTAIN_BASE_URL"),
        (302, {}, "REVTAIN_BASE_URL"),
    ],
)
async def test_what_an_operator_mends(status: int, body: object, words: str) -> None:
    with pytest.raises(ProviderMisconfiguredError, match=words):
        await asked(reply(status, body, Location="http://127.0.0.1:1/"))


async def test_a_page_that_says_404_is_not_revtain() -> None:
    with pytest.raises(ProviderMisconfiguredError, match="REVTAIN_BASE_URL"):
        await asked(Reply(404, HTML, {"Content-Type": "text/html"}))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (reply(429, {"error": "Too many …", "retryAfter": "60 seconds"}), 60),
        (reply(429, {"error": "Too many …", "retryAfter": "5 seconds"}), 5),
        (reply(429, {"error": "Too many …", "retryAfter": 7}), 7),
        (reply(429, {"error": "Too many …", "retryAfter": "a while"}), 60),
        (reply(429, {"retryAfter": " 90.5 Seconds "}), 90),
        (reply(429, {"retryAfter": 12.5}), 12),
        (reply(429, {"retryAfter": "1 minute"}), 60),
        (reply(429, {"retryAfter": "2 minutes"}), 120),
        (reply(429, {"retryAfter": "3m"}), 180),
        (reply(429, {"retryAfter": "1 hour"}), 3600),
        (reply(429, {"retryAfter": "999999999 hours"}), 86_400),
        (reply(429, {"retryAfter": 999_999}), 86_400),
        *(
            (reply(429, {"retryAfter": odd}), 60)
            for odd in ("-5", -5, "5000 ms", "2 fortnights", "", None, True, [7], {"s": 7}, 10**30)
        ),
        (reply(429, {"retryAfter": "60 seconds"}, Retry_After="9"), 9),
        (Reply(429, HTML), 60),
        (reply(503, {}, Retry_After="30"), 30),
    ],
)
async def test_a_pause_that_is_asked_for_is_told(answer: Reply, seconds: int) -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await asked(answer)
    assert fault.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        reply(500, {"error": "Internal server error."}),
        Reply(502, HTML),
        reply(408, {}),
        Reply(200, HTML),
        Reply(200, b""),
        Reply(200, b"[]"),
        Reply(200, b'{"transactionId": "' + b"x" * 70_000 + b'"}'),
        Reply(200, b"{" * 5000),
        Reply(204),
        reply(200, {}),
        reply(200, {"status": "succeeded"}),
        reply(200, {"transactionId": ID}),
        reply(200, {**SUCCEEDED, "transactionId": "another"}),
        Fault.DROP_BEFORE_READING,
        Fault.DROP_AFTER_READING,
        Fault.DROP_INSIDE_ANSWER,
        Fault.SILENCE,
    ],
)
async def test_without_an_answer_nothing_is_concluded(answer: Reply | Fault) -> None:
    with pytest.raises(ProviderUnavailableError) as fault:
        await asked(answer)
    assert not isinstance(fault.value, ProviderMisconfiguredError)
    assert ID not in str(fault.value)


async def test_nobody_is_there() -> None:
    async with RevtainApi("rev_1", now=lambda: NOW, base_url=refusing_url()) as api:
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            await api.by_transaction(ID)


@pytest.mark.parametrize("status", [400, 410, 422])
async def test_a_question_that_is_refused_is_not_repeated(status: int) -> None:
    with pytest.raises(ProviderRejectedError, match=str(status)):
        await asked(reply(status, {"error": "Invalid request."}))


async def test_another_transaction_of_a_duplicate_proves_nothing() -> None:
    other = {"existingTransactionId": "another", "existingStatus": "succeeded"}
    with pytest.raises(ProviderRejectedError, match="409"):
        await asked(reply(409, other))


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(SandboxSettings(revtain_api_keys=("rev_good",))) as started:
        yield started


async def test_the_stand_in_answers_what_it_has_told(sandbox: Sandbox) -> None:
    event: dict[str, JsonValue] = {
        "event": "recovery.failed",
        "revtainTransactionId": "txn-1",
        "amount": 4900,
        "currency": "EUR",
        "declineCode": "expired_card",
        "recommendedAction": "monitor",
        "idempotencyKey": "INV-1",
    }
    await sandbox.revtain.fire(event, hold=True)
    async with RevtainApi("rev_good", now=lambda: NOW, base_url=sandbox.revtain_url) as api:
        found = await api.by_transaction("txn-1")
        assert event_of(found) == (
            *("failed", InboundKind.FAILED, "txn-1", 4900, "EUR", "monitor", "expired_card"),
        )
        assert found == await api.by_key("INV-1")
        assert await api.by_transaction("txn-2") is None
        await api.probe()
    async with RevtainApi("rev_bad", now=lambda: NOW, base_url=sandbox.revtain_url) as api:
        with pytest.raises(ProviderMisconfiguredError):
            await api.probe()


CASES = (None, *State)


def answer(status: RecoveryStatus, action: str | None = None) -> RecoveryAnswer:
    return RecoveryAnswer(transaction_id=ID, status=status, recommended_action=action)


@pytest.mark.parametrize("state", CASES)
def test_a_success_is_always_news_and_what_is_open_never(state: State | None) -> None:
    for told in (False, True):
        news = [
            is_news(answer(status), state=state, told=told, last=True)
            for status in (RecoveryStatus.SUCCEEDED, RecoveryStatus.UNKNOWN)
        ]
        assert news == [True, False]


@pytest.mark.parametrize(
    ("status", "action", "state", "told", "last", "news"),
    [
        # Nobody knew of the failure.
        (RecoveryStatus.FAILED, "monitor", None, False, False, True),
        (RecoveryStatus.FAILED, None, None, False, False, True),
        (RecoveryStatus.FAILED, "request_card_update", State.CLOSED, False, False, False),
        # It asks for more than was known.
        (RecoveryStatus.FAILED, "request_card_update", State.WATCHING, True, False, True),
        (RecoveryStatus.BLOCKED, None, State.WATCHING, True, False, True),
        (RecoveryStatus.FAILED, None, State.WATCHING, False, True, False),
        # A new charge may be queued, and an old failure is not its outcome.
        (RecoveryStatus.FAILED, "retry_later", State.RETRYING, False, False, False),
        (RecoveryStatus.FAILED, "retry_later", State.RETRYING, False, True, True),
        (RecoveryStatus.FAILED, "request_card_update", State.RETRYING, False, False, True),
        (RecoveryStatus.FAILED, "request_card_update", State.RETRYING, True, True, False),
        (RecoveryStatus.BLOCKED, None, State.RETRYING, True, False, False),
    ],
)
def test_which_failures_are_news(
    status: RecoveryStatus,
    action: str | None,
    state: State | None,
    told: bool,  # noqa: FBT001 (a column of the table)
    last: bool,  # noqa: FBT001 (likewise)
    news: bool,  # noqa: FBT001 (likewise)
) -> None:
    assert is_news(answer(status, action), state=state, told=told, last=last) is news
