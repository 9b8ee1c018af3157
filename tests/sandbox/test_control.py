"""Can a test or a demonstration steer the sandbox and read it back?"""

import asyncio
import os
import sys
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError

from sandbox.control import Sandbox
from sandbox.inbox import Channel, MessageDraft
from sandbox.segments import segment_count

BODY = {
    "personalizations": [{"to": [{"email": "Ada@example.com"}], "custom_args": {"case": "c"}}],
    "from": {"email": "billing@shop.example"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}],
}


async def test_messages_are_read_over_http(
    sandbox: Sandbox, browser: ClientSession, mailer: Any
) -> None:
    response = await mailer.send(BODY)

    queries = ("?to=ada@EXAMPLE.com", "?channel=email", "?channel=sms", "?since=2999-01-01T00:00Z")
    found = [await listed(browser, query) for query in queries]

    assert [len(each) for each in found] == [1, 1, 0, 0]
    (message,) = found[0]
    assert {name: message[name] for name in ("vendor_id", "to", "subject", "text")} == {
        "vendor_id": response.headers["X-Message-Id"],
        "to": "Ada@example.com",
        "subject": "Hello",
        "text": "Hello",
    }
    assert (message["from"], message["custom_args"]) == ("billing@shop.example", {"case": "c"})


async def test_a_test_can_wait_for_messages(sandbox: Sandbox, mailer: Any) -> None:
    waiting = asyncio.create_task(sandbox.messages.wait_for(2, channel=Channel.EMAIL))
    await mailer.send(BODY)
    await mailer.send(BODY)

    assert len(await waiting) == 2
    with pytest.raises(TimeoutError):
        await sandbox.messages.wait_for(3, within_s=0.01)


async def test_reset_forgets_everything(
    sandbox: Sandbox, browser: ClientSession, mailer: Any
) -> None:
    await mailer.send(BODY)
    sandbox.texts.opt_out("+12125550123")
    async with browser.post("/_control/reset") as answer:
        assert answer.status == 204

    assert (await listed(browser, ""), sandbox.messages.requests, sandbox.texts.refusals) == (
        [],
        [],
        {},
    )


async def test_refusals_and_opt_outs_are_set_over_http(
    sandbox: Sandbox, browser: ClientSession
) -> None:
    async with browser.put("/_control/twilio/refusals", json={"+98*": 21408}) as answer:
        assert answer.status == 200
    async with browser.put("/_control/twilio/opt-outs", json=["+12125550123"]) as answer:
        assert await answer.json() == {"+98*": 21408, "+12125550123": 21610}
    async with browser.put("/_control/twilio/opt-outs", json=[]) as answer:
        assert await answer.json() == {"+98*": 21408}
    async with browser.post("/_control/twilio/messages/SM0", json={"status": "sent"}) as answer:
        assert answer.status == 404


async def test_several_sandboxes_run_side_by_side() -> None:
    async with Sandbox.start() as one, Sandbox.start() as other:
        draft = MessageDraft(channel=Channel.SMS, vendor_id="SM1", to="+1", sender="+2")
        one.messages.add(draft, arrived_at=one.clock.now(), taken_at=one.clock.wall())

        assert (len(one.messages), len(other.messages)) == (1, 0)
        assert one.url != other.url


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ş" * 70, 1),
        ("ş" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
    ],
)
def test_segments(text: str, segments: int) -> None:
    assert segment_count(text) == segments


async def test_it_runs_as_a_program_and_drops_connections(unused_tcp_port: int) -> None:
    address = f"http://127.0.0.1:{unused_tcp_port}"
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--port", str(unused_tcp_port)),
        *("--twilio-credential", "AC1:token", "--webhook-url", f"{address}/nobody"),
        env=dict(os.environ),
    )
    try:
        async with ClientSession(base_url=address) as session:
            assert await first_answer(session) == 200
            drop = {"vendor": "revtain", "faults": [{"kind": "drop"}]}
            await session.post("/_control/faults", json=drop)
            with pytest.raises(ServerDisconnectedError):
                await session.post("/revtain/api/recovery/execute", json={})
    finally:
        program.terminate()
        assert await program.wait() in {0, -15}


async def first_answer(session: ClientSession) -> int:
    async with asyncio.timeout(20):
        while True:
            try:
                async with session.get("/_control/messages") as answer:
                    return answer.status
            except OSError:
                await asyncio.sleep(0.05)


async def listed(browser: ClientSession, query: str) -> list[Any]:
    async with browser.get(f"/_control/messages{query}") as answer:
        assert answer.status == 200
        messages: list[Any] = await answer.json()
        return messages
