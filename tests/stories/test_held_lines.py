"""Is there any history in which a customer hears from us twice, or after paying?

Some hundred histories are drawn from seeds: events in any order and number, operators' orders,
and vendors that drop connections, refuse, fail and hesitate. A third of the customers owe two
invoices, of which one message may speak. The lines are checked on what stands
in the ledger and in the customers' inboxes, not on what the code believes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from activities.nudge import Nudger
from dunning.ids import workflow_id
from sandbox.inbox import Channel
from store.ledger import Ledger
from store.reservations import Draft, Reservation
from tests.stories.histories import Drawn, batch, customer, play, registration
from tests.stories.witnesses import rows as read
from tests.stories.workers import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.demo.stage import Stage
    from dunning.budget import Limit

BATCH = 40
SEEDS = (11, 12, 13, 14, 15, 16)
MAY_HAVE_ARRIVED = {"sent", "unknown"}
_ROWS = """
    SELECT m.id, m.status, m.channel, m.template, m.provider_id, m.reserved_at, m.merged_into,
        c.invoice_id
    FROM messages m JOIN cases c ON c.id = m.case_id
"""
_CASES = text("""
    SELECT c.workflow_id FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE m.id = ANY (CAST(:ids AS text[]))
""")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nobody_hears_twice_and_nobody_hears_after_paying(idle: Stage, seed: int) -> None:
    drawn = batch(seed, BATCH)

    def ambush(nudger: Nudger) -> Nudger:
        return replace(nudger, ledger=_AmbushedLedger(idle, drawn))

    async with working(idle, ambush):
        await play(idle, seed, drawn)
    # As the web process does a day later.
    await idle.stores.ledger.give_up(timedelta(0))
    rows = await read(idle, _ROWS)
    assert twice(idle, rows) == []
    assert after_paying(drawn, rows) == []
    assert astray(rows) == []
    assert [r["id"] for r in rows if r["status"] == "reserved"] == []
    statuses = Counter(r["status"] for r in rows)
    assert statuses["sent"] > BATCH
    assert statuses["unknown"] > 0
    assert any(r["merged_into"] and r["status"] == "sent" for r in rows)


class _AmbushedLedger(Ledger):
    """Lets a success in, in the last moment before a message about its invoice is reserved."""

    def __init__(self, stage: Stage, drawn: list[Drawn]) -> None:
        super().__init__(stage.stores.database, stage.settings.token_key)
        self._stage = stage
        self._ambushes = {workflow_id(d.invoice_id, 1): d.ambush for d in drawn if d.ambush}
        self._asked: Counter[str] = Counter()

    async def reserve(
        self,
        workflow_id: str,
        draft: Draft,
        *,
        limit: Limit | None = None,
        companions: Sequence[str] = (),
    ) -> Reservation:
        for concerned in (workflow_id, *await self._cases_of(companions)):
            self._asked[concerned] += 1
            number, act = self._ambushes.get(concerned, (0, None))
            if act is not None and number == self._asked[concerned]:
                await act(self._stage)
        return await super().reserve(workflow_id, draft, limit=limit, companions=companions)

    async def _cases_of(self, message_ids: Sequence[str]) -> list[str]:
        async with self._stage.stores.database.single() as connection:
            found = await connection.execute(_CASES, {"ids": list(message_ids)})
            return [row.workflow_id for row in found]


def twice(stage: Stage, rows: list[dict[str, Any]]) -> list[str]:
    """Messages at the vendors that no row, or more than one message a row, accounts for."""
    arrived = stage.sandbox.messages.find()
    emails = Counter(
        m.custom_args["dunning_message_id"] for m in arrived if m.channel is Channel.EMAIL
    )
    known = {str(r["id"]): r for r in rows}
    crossed = [f"{row}: {count} emails" for row, count in emails.items() if count > 1]
    crossed += [
        f"{row}: an email that the ledger does not know of"
        for row in emails
        if row not in known or known[row]["status"] not in MAY_HAVE_ARRIVED
    ]
    texts = Counter(m.to for m in arrived if m.channel is Channel.SMS)
    meant = Counter(
        _phone(str(r["invoice_id"]))
        for r in rows
        if r["channel"] == "sms" and r["status"] in MAY_HAVE_ARRIVED and not r["merged_into"]
    )
    return crossed + [
        f"{to}: {n} texts, {meant[to]} rows" for to, n in texts.items() if n > meant[to]
    ]


def astray(rows: list[dict[str, Any]]) -> list[str]:
    """Merged messages of another customer, or of which something else is known than of theirs."""
    known = {r["id"]: r for r in rows}
    pairs = [(r, known[r["merged_into"]]) for r in rows if r["merged_into"]]
    return [
        f"{r['id']} of {r['invoice_id']} in {carrier['id']} of {carrier['invoice_id']}"
        for r, carrier in pairs
        if customer(str(r["invoice_id"])) != customer(str(carrier["invoice_id"]))
        or (r["status"], r["provider_id"]) != (carrier["status"], carrier["provider_id"])
        or r["invoice_id"] == carrier["invoice_id"]
    ]


def _phone(invoice_id: str) -> str:
    return str(registration(invoice_id)["customer"]["phone"])


def after_paying(drawn: list[Drawn], rows: list[dict[str, Any]]) -> list[str]:
    """Messages that were begun after the sender of the success had heard that we have it."""
    answered = {d.invoice_id: d.success_answered_at for d in drawn}
    crossed: list[str] = []
    for row in rows:
        paid_at, begun = answered.get(str(row["invoice_id"])), row["reserved_at"]
        if paid_at is None or begun is None or row["template"] == "payment_received":
            continue
        if begun > paid_at:
            crossed.append(f"{row['id']} of {row['invoice_id']}: begun {begun}, paid {paid_at}")
    return crossed
