"""Does the stand-in's dictionary answer as the vendor documents it, to anybody?"""

from typing import Any

from aiohttp import ClientSession

LOOK_UP = "/revtain/api/lookup/decline"


async def looked_up(browser: ClientSession, path: str) -> tuple[int, Any]:
    async with browser.get(f"{LOOK_UP}/{path}") as answer:
        assert answer.status == 400 or answer.headers["Access-Control-Allow-Origin"] == "*"
        return answer.status, await answer.json()


async def test_a_code_has_a_meaning_and_namesakes(browser: ClientSession) -> None:
    status, found = await looked_up(browser, "braintree/2010")

    variants = found.pop("variantsOnOtherGateways")
    assert (status, found) == (
        200,
        {
            "gateway": "braintree",
            "gatewayLabel": "Braintree",
            "rawCode": "2010",
            "canonicalCode": "insufficient_funds",
            "category": "soft",
            "plainEnglish": "There is not enough money on the account.",
        },
    )
    assert {"gateway": "stripe", "code": "insufficient_funds"} in variants
    assert all(each["gateway"] != "braintree" for each in variants)


async def test_what_is_not_known(browser: ClientSession) -> None:
    assert (await looked_up(browser, "braintree/9999"))[0] == 404
    assert (await looked_up(browser, "paypal/2010"))[0] == 400
