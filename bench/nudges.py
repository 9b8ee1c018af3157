"""Does a burst of due messages drain at the vendor's pace, whole, and out of the way of others?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from app import clock, temporal
from bench import events
from bench.drain import fill, until_all_wait
from bench.rows import Row
from bench.servers import BenchError, Database, Servers, until
from bench.size import Size
from dunning.ids import workflow_id
from dunning.orders import SendNow
from sandbox.control import Sandbox
from sandbox.inbox import Channel, Message
from sandbox.rates import SendGridLimit
from sandbox.settings import SandboxSettings
from workflows.client import CaseClient

# What the vendor takes in a second; a twentieth of the customers get a text instead.
_LIMIT = 25
_TEXTS = 20
_AT_ONCE = 50
_POLICY = """
version: 1
brand: {name: Example, support_email: billing@example.com}
windows:
  email: {opens: "00:00", closes: "23:59"}
  sms: {opens: "00:00", closes: "23:59", sunday_opens: "00:00", least_left: 1m}
  holidays: {sms: allow}
  jurisdictions: false
campaigns:
  - name: texts
    when: {value_tier: [texts]}
    length: 27d
    steps: [{id: only, channel: sms, after: 5d, template: reminder}]
  - name: emails
    length: 27d
    steps: [{id: only, channel: email, after: 5d, template: reminder}]
"""
_TO_TEXT = """
    UPDATE customers SET value_tier = 'texts', phone = '+1555' || lpad(substr(id, 5), 7, '0'),
        sms_consent_at = now()
    WHERE CAST(substr(id, 5) AS integer) % 20 = 0
"""
_LEFT = "SELECT count(*) FROM messages WHERE status <> 'sent'"


async def nudges(servers: Servers, size: Size) -> list[Row]:
    """Everything is ordered to go at once; the vendor of emails refuses what is above its rate."""
    policy = servers.scratch / "nudges.yaml"
    policy.write_text(_POLICY, encoding="utf-8")
    async with Sandbox.start(SandboxSettings()) as sandbox:
        sandbox.mail_rate.set(SendGridLimit(calls=_LIMIT))
        database = await servers.database("nudges", size.nudges)
        await database.value(_TO_TEXT)
        first = await fill(database, size.nudges)
        more = _environment(sandbox, policy)
        async with servers.worker(database, **more), servers.web(database, **more):
            await until_all_wait(database, size.nudges)
            began = clock.now()
            ordered = await _order_all(servers, first, size.nudges)
            await until(lambda: _all_sent(database), seconds=size.nudges / _LIMIT * 4 + 60)
    return _rows(sandbox.messages.find(), began, ordered)


def _environment(sandbox: Sandbox, policy: Path) -> dict[str, str]:
    return {
        "DUNNING_POLICY": str(policy),
        "DUNNING_EMAILS_PER_SECOND": "1000",
        "DUNNING_TEXTS_PER_SECOND": "1000",
        "SENDGRID_BASE_URL": sandbox.sendgrid_url,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "bench",
        "TWILIO_FROM": "+15005550006",
        "TWILIO_BASE_URL": sandbox.twilio_url,
    }


async def _order_all(servers: Servers, first: int, count: int) -> dict[str, datetime]:
    """When each case was told, by its workflow id."""
    client = CaseClient(await temporal.connect(servers.temporal.address))
    turns = asyncio.Semaphore(_AT_ONCE)
    told: dict[str, datetime] = {}

    async def order(number: int) -> None:
        step = "texts.only" if number % _TEXTS == 0 else "emails.only"
        case = workflow_id(events.invoice_id(number), 1)
        async with turns:
            told[case] = clock.now()
            if not await client.order_in_bulk(case, SendNow(step=step), order_id="burst"):
                raise BenchError(f"{case} has no run")

    await asyncio.gather(*(order(number) for number in range(first, first + count)))
    return told


async def _all_sent(database: Database) -> bool:
    left: int = await database.value(_LEFT)
    return left == 0


def _rows(
    arrived: Sequence[Message], began: datetime, ordered: Mapping[str, datetime]
) -> list[Row]:
    count = len(ordered)
    each = Counter(message.to for message in arrived)
    if len(each) != count or max(each.values()) != 1:
        most = max(each.values())
        raise BenchError(f"of {count} messages {len(each)} arrived, some {most} times")
    emails = sorted((m.taken_at - began).total_seconds() for m in arrived if _email(m))
    tell = {_phone(name): at for name, at in ordered.items()}
    texts = sorted((m.taken_at - tell[m.to]).total_seconds() for m in arrived if not _email(m))
    return [
        Row(
            what=f"{count} due messages at a vendor with a rate limit",
            unit="/s",
            ours=len(emails) / emails[-1],
            yardstick=_LIMIT,
            bound="at least",
            limit=0.6,
            note="yardstick: the vendor's limit; none lost, none twice",
        ),
        Row(
            what="the text of that burst that waited longest, which no email may hold up",
            unit="s",
            ours=texts[-1],
            yardstick=emails[-1],
            bound="at most",
            limit=0.5,
            note="yardstick: the last email",
            figures={"median_s": texts[len(texts) // 2]},
        ),
    ]


def _email(message: Message) -> bool:
    return message.channel is Channel.EMAIL


def _phone(case: str) -> str:
    """The number that `_TO_TEXT` gives to the customer of this workflow id."""
    number = case.split(":")[1].removeprefix("INV-")
    return f"+1555{number:0>7}"
