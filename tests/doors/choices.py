"""What does the page of choices say, and what do the tables hold of it?"""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.doors.conftest import Rows, World

EMAIL = "ada@example.com"
PHONE = "+12125550123"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ON = "Reminders are on"
OFF = "Reminders are off"
UNREACHABLE = "We cannot reach this address, so we send nothing to it."
ESSENTIAL = (
    "Whatever you choose, we may still send you an email to confirm a payment, "
    "or to tell you that a service is about to end or has ended."
)
STAYS_OPEN = "Stopping reminders does not settle a payment: it stays open until it is paid."
STATE = "SELECT channel, reason, scope, source, lifted_at, lifted_by FROM suppressions ORDER BY id"


async def link_of(rows: Rows, world: World) -> str:
    (row,) = await rows("SELECT link_id FROM invoices")
    return world.preferences.url(row["link_id"]).removeprefix("http://127.0.0.1")


async def change(world: World, browser: httpx.AsyncClient, **person: Any) -> None:
    """The merchant changes the customer."""
    key = await world.keys.add(f"changes {sorted(person)}", ["invoices:write"])
    answer = await browser.put(
        "/v1/invoices/INV-1",
        json={"customer": person},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200, answer.text


def words(answer: httpx.Response) -> str:
    """What a person reads, without marks and line breaks."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    body = answer.text.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def buttons(answer: httpx.Response) -> list[str]:
    """What can be pressed, and what it sends."""
    found = re.findall(r'name="(\w+)" value="(\w+)">([^<]+)</button>', answer.text)
    return [f"{name}={value}: {label}" for name, value, label in found]


async def in_force(rows: Rows) -> list[tuple[str, ...]]:
    found = await rows(f"{STATE.partition('ORDER')[0]} WHERE lifted_at IS NULL ORDER BY id")
    return [(r["channel"], r["reason"], r["scope"], r["source"]) for r in found]


async def link_of_ada(shop: httpx.AsyncClient, rows: Rows, world: World) -> str:
    """The path of the choices of Ada, who can be reached in every way."""
    person = {
        "phone": PHONE,
        "sms_consent_at": "2026-01-05T10:00:00Z",
        "push_tokens": ["device-1", "device-2"],
    }
    answer = await shop.put("/v1/invoices/INV-1", json={"customer": person})
    assert answer.status_code == 200, answer.text
    del shop.headers["Authorization"]
    return await link_of(rows, world)
