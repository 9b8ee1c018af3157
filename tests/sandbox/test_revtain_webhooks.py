"""Do Revtain's events arrive signed, redelivered, repeated and reordered, as they may in life?"""

import base64
import json
from typing import Any

import pytest
from aiohttp import ClientSession

from sandbox.control import Sandbox
from sandbox.courier import DeliveryState
from sandbox.revtain_webhooks import compact, signature

Merchant = Any
EVENTS = "/_control/revtain/events"
SECRET = "whsec_test_0123456789abcdef"
SUCCESS = (
    b'{"event":"recovery.success","revtainTransactionId":"da646dba-ce56-4483-ad0a-2a4fac54a5e2",'
    b'"gatewayTransactionToken":"pi_3OZQ8K2eZvKYlo2C1abc1234","amount":5000,"currency":"USD",'
    b'"message":"Succeeded!","strategyUsed":"primary"}'
)
FAILED = (
    b'{"event":"recovery.failed","revtainTransactionId":"01KKZ14FEZK152ZBXEM2XK1B0C",'
    b'"amount":2500,"currency":"USD","declineCode":"expired_card",'
    b'"recommendedAction":"request_card_update"}'
)
VECTORS = [
    (SUCCESS, "53d9c7a2b68b8db46509b97c6d67dec729a618222582933e34aaa63899fcf742"),
    (FAILED, "139369abd999c5407fee61520bb97f70db4c31d34bbe0bbf0af145cfd09f1915"),
    (
        '{ "amount": 5000, "event": "recovery.success", "note": "café" }'.encode(),
        "f46c5a2e8d8155be9fbdafdcd83f1cb220200ab2c0230ca6f09500819d6feda2",
    ),
    (b"", "c75e30d092a12b00c5ed1f2f9705da88827c7abc179c8a52a87527b7c70ce49d"),
]


@pytest.mark.parametrize(("body", "expected"), VECTORS)
async def test_known_signatures(
    sandbox: Sandbox, merchant: Merchant, body: bytes, expected: str
) -> None:
    await sandbox.revtain.fire(body)

    assert merchant.received == [(body, expected)]
    assert signature(SECRET, body) == expected


async def test_an_event_is_sent_as_compact_json(sandbox: Sandbox, merchant: Merchant) -> None:
    (delivery,) = await sandbox.revtain.fire(json.loads(FAILED))

    assert merchant.received == [(FAILED, VECTORS[1][1])]
    assert (delivery.state, [each.status for each in delivery.attempts]) == (
        DeliveryState.ACCEPTED,
        [200],
    )
    assert compact({"note": "café"}) == '{"note":"café"}'.encode()


async def test_delivery_is_tried_until_a_200_comes(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.answers = [503, 201, 401]

    (delivery,) = await sandbox.revtain.fire({"event": "x"})
    await sandbox.revtain.settled()

    assert [each.status for each in delivery.attempts] == [503, 201, 401, 200]
    assert delivery.state is DeliveryState.ACCEPTED
    assert len({body for body, _ in merchant.received}) == 1


async def test_delivery_ends_with_the_schedule(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.answers = [500] * 99

    (delivery,) = await sandbox.revtain.fire({"event": "x"})
    await sandbox.revtain.settled()

    assert (delivery.state, len(delivery.attempts)) == (DeliveryState.GIVEN_UP, 5)


async def test_an_absent_merchant_is_recorded(sandbox: Sandbox) -> None:
    sandbox.revtain.send_to("http://127.0.0.1:9/nobody")

    (delivery,) = await sandbox.revtain.fire({"event": "x"}, redeliver=False)

    assert delivery.state is DeliveryState.GIVEN_UP
    assert delivery.attempts[0].error.startswith("ClientConnectorError")


async def test_a_forged_event_is_sent_once(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.answers = [401]

    (delivery,) = await sandbox.revtain.fire(FAILED, forge=True)

    ((body, shown),) = merchant.received
    assert (body, len(shown), delivery.state) == (FAILED, 64, DeliveryState.GIVEN_UP)
    assert shown != VECTORS[1][1]


@pytest.mark.parametrize(("given", "seen"), [("", None), ("sha256=00", "sha256=00")])
async def test_any_signature_can_be_shown(
    sandbox: Sandbox, merchant: Merchant, given: str, seen: str | None
) -> None:
    await sandbox.revtain.fire(FAILED, signature=given)

    assert merchant.received == [(FAILED, seen)]


async def test_an_event_can_be_repeated(sandbox: Sandbox, merchant: Merchant) -> None:
    await sandbox.revtain.fire(FAILED, repeat=3)

    assert [body for body, _ in merchant.received] == [FAILED] * 3


async def test_held_events_leave_in_any_order_and_number(
    sandbox: Sandbox, merchant: Merchant
) -> None:
    for body in (b'{"event":"a"}', b'{"event":"b"}', b'{"event":"c"}'):
        await sandbox.revtain.fire(body, hold=True)
    assert merchant.received == []

    await sandbox.revtain.release([3, 1, 1])
    await sandbox.revtain.release()

    assert [json.loads(body)["event"] for body, _ in merchant.received] == ["c", "a", "a", "b"]
    assert {each.state for each in sandbox.revtain.deliveries} == {DeliveryState.ACCEPTED}


async def test_events_are_fired_over_http(merchant: Merchant, browser: ClientSession) -> None:
    merchant.answers = [401]
    orders: list[dict[str, object]] = [
        {"event": {"event": "a"}, "forge": True},
        {"raw": "not json"},
        {"raw_base64": base64.b64encode(b"\xff").decode()},
        {"event": {"event": "b"}, "hold": True},
    ]
    for order in orders:
        async with browser.post(EVENTS, json=order) as answer:
            assert answer.status == 200, await answer.text()
    async with browser.post("/_control/revtain/release", json={}) as answer:
        assert len(await answer.json()) == 1
    async with browser.get("/_control/revtain/deliveries") as answer:
        listed = await answer.json()

    bodies = [body for body, _ in merchant.received]
    assert bodies == [b'{"event":"a"}', b"not json", b"\xff", b'{"event":"b"}']
    assert [(each["state"], each["forged"]) for each in listed] == [
        ("given_up", True),
        ("accepted", False),
        ("accepted", False),
        ("accepted", False),
    ]


async def test_a_faulty_order_is_explained(sandbox: Sandbox, browser: ClientSession) -> None:
    async with browser.post(EVENTS, json={"event": {"event": "a"}}) as untargeted:
        assert untargeted.status == 409
    sandbox.revtain.send_to("http://127.0.0.1:9/")
    async with browser.post(EVENTS, json={}) as empty:
        assert empty.status == 422
    async with browser.post("/_control/revtain/release", json={"order": [7]}) as unknown:
        assert unknown.status == 404
