"""What follows when a customer wants no more reminders, and when they want them again?"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from app.demo.stage import Stage
from app.policy_file import default_policy_text
from sandbox.inbox import Channel, Message
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FIRST, RECEIPT, REMINDER, TEXT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from app.embedded.temporal import TemporalDevServer

_STOPPED = "You will get no more reminders by email from Example.\n"


@pytest.fixture
async def tell(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> AsyncGenerator[Teller]:
    """The default campaigns of a merchant whose emails have the button of mail programs."""
    policy = tmp_path / "policy.yaml"
    text = default_policy_text()
    assert "\nunsubscribe: link " in text
    policy.write_text(text.replace("\nunsubscribe: link ", "\nunsubscribe: one_click "))
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as stage:
        yield Teller.of(stage)
        await stage.end_all()


def _emails(invoice: Invoice) -> list[Message]:
    return [message for message in invoice.arrived() if message.channel is Channel.EMAIL]


async def _press(stage: Stage, email: Message) -> None:
    """What a mail program does when its button is pressed (RFC 8058)."""
    assert email.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(http[^>]+)>", email.headers["List-Unsubscribe"])
    assert link
    assert link[1] in email.text
    await _post(stage, link[1], {"List-Unsubscribe": "One-Click"}, says=_STOPPED)


async def _post(stage: Stage, link: str, form: dict[str, str], *, says: str) -> None:
    async with stage.http.post(link, data=form, headers={"Authorization": ""}) as answer:
        assert (answer.status, answer.history) == (HTTPStatus.OK, ())
        assert says in await answer.text()
    await stage.settle()


async def test_one_click_stops_the_emails_and_the_receipt_comes_all_the_same(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(1)
    (first,) = _emails(ada)
    await _press(tell.stage, first)
    await tell.day(8)
    moved = f"day 4: {TEXT}"
    (case,) = await rows(tell.stage, "SELECT closed_channels FROM cases")
    assert case["closed_channels"] == ["email: opted_out"]
    assert (await ada.told()).inbox == (f"day 0: {FIRST}", moved)
    await ada.pays()
    assert (await ada.told()).inbox == (f"day 0: {FIRST}", moved, f"day 8: {RECEIPT}")
    receipt = _emails(ada)[-1]
    assert receipt.headers == {}
    assert "/u/" not in receipt.text + receipt.html


async def test_a_case_that_has_no_other_way_goes_to_a_person_at_once(tell: Teller) -> None:
    bob = await tell.invoice(customer={"phone": None, "sms_consent_at": None})
    await bob.fails()
    await tell.day(1)
    await _press(tell.stage, _emails(bob)[0])
    assert await bob.told() == Told(inbox=(f"day 0: {FIRST}",), standing="review: unreachable")


async def test_reminders_go_on_when_the_customer_wants_them_again(tell: Teller) -> None:
    eve = await tell.invoice(customer={"phone": None, "sms_consent_at": None})
    await eve.fails()
    await tell.day(1)
    (first,) = _emails(eve)
    await _press(tell.stage, first)
    link = first.headers["List-Unsubscribe"].strip("<>")
    await _post(tell.stage, link, {"start": "email"}, says="Reminders are on")
    await tell.day(5)
    assert await eve.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="waiting"
    )
    (kept,) = await rows(tell.stage, "SELECT reason, scope, source, lifted_by FROM suppressions")
    assert kept == {
        "reason": "opted_out",
        "scope": "reminders",
        "source": "one_click",
        "lifted_by": "page",
    }


async def test_a_scanner_that_follows_every_link_stops_nothing(tell: Teller) -> None:
    kim = await tell.invoice()
    await kim.fails()
    await tell.day(1)
    for link in re.findall(r"https?://127\S+", _emails(kim)[0].text):
        for method in ("HEAD", "GET"):
            async with tell.stage.http.request(method, link) as answer:
                assert answer.status == HTTPStatus.OK
    await tell.day(5)
    assert (await kim.told()).inbox == (f"day 0: {FIRST}", f"day 4: {REMINDER}")
    assert await rows(tell.stage, "SELECT id FROM suppressions") == []
