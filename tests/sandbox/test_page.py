"""Can a person read on the page what the customers received?"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession

from sandbox.control import Sandbox
from sandbox.inbox import Channel, MessageDraft
from tests.sandbox.door import door

MAIL = MessageDraft(
    channel=Channel.EMAIL,
    vendor_id="m1",
    to="ada@example.com",
    to_name="Ada <Lovelace>",
    sender="billing@shop.example",
    sender_name="Shop",
    subject="Pay & go",
    text="Please pay: https://shop.example/p/1",
    html='<html><head><title>x</title></head><body><a href="https://shop.example/p/1">Pay</a>',
)
TEXT = MessageDraft(
    channel=Channel.SMS,
    vendor_id="SM1",
    to="+12125550123",
    sender="+15005550006",
    text="<b>Shop</b>: pay https://shop.example/p/1",
    segments=2,
)


def take(sandbox: Sandbox, draft: MessageDraft, at: datetime) -> None:
    sandbox.messages.add(draft, arrived_at=at, taken_at=at)


async def read(browser: ClientSession, path: str) -> str:
    async with browser.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    take(sandbox, MAIL, datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
    take(sandbox, MAIL, datetime(2026, 3, 5, 9, 2, tzinfo=UTC))
    take(sandbox, TEXT, datetime(2026, 3, 6, 12, 0, tzinfo=UTC))
    return sandbox


async def test_all_recipients_are_listed_latest_first(
    filled: Sandbox, browser: ClientSession
) -> None:
    page = await read(browser, "/")

    assert page.index('href="/to/%2B12125550123"') < page.index('href="/to/ada%40example.com"')
    assert "Ada &lt;Lovelace&gt;" in page
    assert "Pay &amp; go" in page
    assert "&lt;b&gt;Shop&lt;/b&gt;" in page
    assert '<span class="count" title="2 messages">2</span>' in page


async def test_an_inbox_shows_every_mail_in_its_frame(
    filled: Sandbox, browser: ClientSession
) -> None:
    page = await read(browser, "/to/ada%40example.com")

    assert page.count("<iframe") == page.count('sandbox="allow-popups') == 2
    assert "&lt;head&gt;&lt;base target=&quot;_blank&quot;&gt;" in page
    assert "Sun 1 Mar 2026, 09:00 UTC" in page
    assert "<span>4 days later</span>" in page
    assert 'href="/messages/1/text"' in page
    assert await read(browser, "/messages/1/text") == "Please pay: https://shop.example/p/1"


async def test_a_phone_shows_bubbles_with_segments(filled: Sandbox, browser: ClientSession) -> None:
    page = await read(browser, "/to/%2B12125550123")

    assert "&lt;b&gt;Shop&lt;/b&gt;: pay <a href=" in page
    assert "2 segments" in page


async def test_a_mail_alone_cannot_run_scripts(filled: Sandbox, browser: ClientSession) -> None:
    async with browser.get("/messages/1/html") as answer:
        assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
        assert (await answer.text()).startswith('<html><head><base target="_blank">')


async def test_what_does_not_exist_is_not_found(sandbox: Sandbox, browser: ClientSession) -> None:
    assert "No message has arrived yet" in await read(browser, "/")
    for path in ("/to/nobody@example.com", "/messages/1/text", "/messages/0/html"):
        async with browser.get(path) as answer:
            assert answer.status == 404


async def test_what_became_of_a_message_is_shown(filled: Sandbox, browser: ClientSession) -> None:
    for number, word in ((1, "processed"), (1, "delivered"), (1, "open"), (2, "processed")):
        filled.messages.report(number, word)
    filled.messages.report_of("SM1", "undelivered 30005")

    inbox = await read(browser, "/to/ada%40example.com")
    assert fates(inbox) == ["good delivered", "good opened", "going accepted"]
    assert fates(await read(browser, "/to/%2B12125550123")) == ["bad undelivered (30005)"]
    assert fates(await read(browser, "/")) == ["bad undelivered (30005)"]


async def test_a_person_can_answer_on_the_page_of_a_phone(
    filled: Sandbox, browser: ClientSession
) -> None:
    path = "/to/%2B12125550123"
    assert "<form" not in await read(browser, path)
    async with browser.post(f"{path}/reply", data={"body": "hello"}) as answer:
        assert answer.status == 409
    async with door() as merchant:
        merchant.usual = "<Response><Message>Thank you</Message></Response>"
        filled.twilio.send_replies_to(merchant.at("inbound"))
        assert "<form" not in await read(browser, "/to/ada%40example.com")
        assert 'action="/to/%2B12125550123/reply"' in await read(browser, path)
        async with browser.post(f"{path}/reply", data={"body": "<i>Why?</i>"}) as answer:
            page = await answer.text()
        filled.twilio.send_replies_to(None)

    assert [each.form["Body"] for each in merchant.arrived] == ["<i>Why?</i>"]
    assert page.index("&lt;i&gt;Why?&lt;/i&gt;") < page.index("Thank you")
    assert "2 messages" in page
    listed = await read(browser, "/")
    assert listed.index("Thank you") < listed.index("Pay &amp; go")


async def test_who_only_wrote_has_a_page_too(sandbox: Sandbox, browser: ClientSession) -> None:
    async with door() as merchant:
        sandbox.twilio.send_replies_to(merchant.at("inbound"))
        await sandbox.twilio.reply("+12125550123", "STOP")
        sandbox.twilio.send_replies_to(None)

    assert "Answered: STOP" in await read(browser, "/")
    page = await read(browser, "/to/%2B12125550123")
    assert "0 messages" in page
    assert "stops all texts" in page


def fates(page: str) -> list[str]:
    """Tone and words of each mark, in the page's order."""
    return [f"{tone} {words}" for tone, words in re.findall(r'class="fate (\w+)">([^<]+)<', page)]


async def test_the_style_comes_from_here(sandbox: Sandbox, browser: ClientSession) -> None:
    assert "http" not in await read(browser, "/page.css")


async def test_the_storys_time_is_shown_and_stamped(
    sandbox: Sandbox, browser: ClientSession, mailer: Any
) -> None:
    async with browser.post("/_control/clock", json={"now": "2027-03-01T09:00:00Z"}) as answer:
        assert (await answer.json())["now"].startswith("2027-03-01T09:00:00")
    await mailer.send(
        {
            "personalizations": [{"to": [{"email": "ada@example.com"}]}],
            "from": {"email": "billing@shop.example"},
            "subject": "Hello",
            "content": [{"type": "text/plain", "value": "Hello"}],
        }
    )

    assert "Mon 1 Mar 2027, 09:00 UTC" in await read(browser, "/to/ada%40example.com")
    (message,) = sandbox.messages
    assert message.taken_at.year != message.arrived_at.year == 2027
