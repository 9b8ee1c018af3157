"""Does the stand-in log payments that succeeded by themselves, as the vendor documents it?"""

from typing import Any

import pytest
from aiohttp import ClientSession

PULSE = "/revtain/api/recovery/pulse"
KEY = {"X-API-KEY": "rev_good"}


async def pulse(browser: ClientSession, body: object) -> tuple[int, Any]:
    async with browser.post(PULSE, json=body, headers=KEY) as answer:
        return answer.status, await answer.json()


async def test_a_payment_is_logged_under_an_id_of_its_own(browser: ClientSession) -> None:
    status, answer = await pulse(browser, {"amount": 4900, "transactionId": "ORDER-1"})
    again = await pulse(browser, {"amount": 4900, "currency": "EUR"})

    made = answer.pop("transactionId")
    assert (status, answer) == (200, {"success": True, "message": "Organic success logged"})
    assert made not in {"ORDER-1", again[1]["transactionId"]}
    async with browser.get("/_control/revtain/pulses") as listed:
        assert await listed.json() == [
            {"amount": 4900, "currency": "USD", "transactionId": "ORDER-1"},
            {"amount": 4900, "currency": "EUR"},
        ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"amount": 49},
        {"amount": 100_000_001},
        {"amount": "4900"},
        {"amount": 4900, "currency": "eur"},
        {"amount": 4900, "transactionId": 7},
    ],
)
async def test_a_faulty_request_is_refused(browser: ClientSession, body: object) -> None:
    assert (await pulse(browser, body))[0] == 400


async def test_a_wrong_key_is_unauthorized(browser: ClientSession) -> None:
    async with browser.post(PULSE, json={"amount": 4900}) as answer:
        assert answer.status == 401
