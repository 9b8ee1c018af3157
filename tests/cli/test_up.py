"""Does one command run everything, tell others where it is, and leave nothing behind?"""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from app.embedded.process import free_port
from tests.cli.conftest import started

if TYPE_CHECKING:
    from tests.cli.conftest import Role, Typed

INVOICE = (
    b'{"amount_due": 4900, "currency": "USD", "customer": {"id": "c1", "email": "ada@example.com"}}'
)

# Nobody serves it; what the stand-ins send there is handed over on this machine.
PUBLIC = "https://dunning.example"


def _processes_on(folder: Path) -> list[str]:
    """Command lines of all processes that mention the folder."""
    lines: list[str] = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(place.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if str(folder) in line]


async def _feedback(sandbox: str) -> dict[str, list[str]]:
    """How the reports on a mail and a text that the stand-ins took were answered."""
    mail = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "billing@example.com"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
    }
    account = "AC" + "0" * 32
    async with httpx.AsyncClient(base_url=sandbox) as client:
        key = {"Authorization": "Bearer SG.sandbox"}
        await client.post("sendgrid/v3/mail/send", json=mail, headers=key)
        public = {"To": "+12125550123", "From": "+15005550006", "Body": "Hello"}
        text = {**public, "StatusCallback": f"{PUBLIC}/webhooks/twilio/status?message=none"}
        path = f"twilio/2010-04-01/Accounts/{account}/Messages.json"
        await client.post(path, data=text, auth=(account, "sandbox"))
        await client.post("_control/reported")
        mails = (await client.get("_control/sendgrid/deliveries")).json()
        texts = (await client.get("_control/twilio/deliveries")).json()
    told = {"mail": mails, "text": texts}
    return {name: [post["state"] for post in posts] for name, posts in told.items()}


async def _until_up(it: Role) -> str:
    await it.until("work on this one")
    return "".join(it.said)


async def test_up_runs_everything_and_ends_with_nothing_left(
    tmp_path: Path, temporal_cli: Path, bare: Typed
) -> None:
    port = free_port()
    given = {
        "TEMPORAL_CLI": str(temporal_cli),
        "DUNNING_PORT": str(port),
        "DUNNING_PUBLIC_URL": PUBLIC,
    }
    async with started(tmp_path, "up", **given) as it:
        said = await _until_up(it)
        assert "No settings for SendGrid, Twilio, Revtain: a sandbox" in said
        assert f"http://127.0.0.1:{port}/docs" in said
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
        assert answer.json()["ready"]
        inbox = re.search(r"http://127\.0\.0\.1:\d+/$", said, re.MULTILINE)
        assert inbox is not None
        assert await _feedback(inbox[0]) == {"mail": ["accepted"], "text": 4 * ["accepted"]}

        assert (await bare("invoice", "put", "INV-1", stdin=INVOICE)).out == "INV-1: created\n"
        assert (await bare("doctor")).code == 0
        async with started(tmp_path, "up", "--port", "0") as second:
            refused = await second.ended()
        assert refused.code == 1
        assert "is in use by process" in refused.err

        ended = await it.end(signal.SIGINT)
    assert (ended.code, ended.out) == (0, "")
    assert _processes_on(tmp_path) == []
    key = tmp_path / "data" / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "data" / "up.json").exists()
    assert (await bare("invoice", "show", "INV-1")).code == 2

    async with started(tmp_path, "up", "--no-stay", **given) as again:
        assert (await again.ended()).code == 0


async def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path, bare: Typed) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with started(tmp_path, "up", "--port", str(port)) as it:
            ended = await it.ended()
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"The web server cannot listen on 127.0.0.1:{port}")
    assert not (tmp_path / "data" / "postgres").exists()
