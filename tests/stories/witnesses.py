"""What did everybody see of a story, and do they agree on it?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.client import WorkflowExecutionStatus

from app.demo.stage import Stage
from dunning.facts import CASE_CLOSED
from sandbox.inbox import Channel, Message
from store.inbox import EventStatus
from workflows.contracts import CaseResult

T = TypeVar("T")
_PATIENCE = 10.0
_LOOK = 0.02
_HOURS = {Channel.EMAIL: (8, 20), Channel.SMS: (9, 20), Channel.PUSH: (8, 20)}
_ATTRIBUTES = {
    "DunningState": "state",
    "DunningOutcome": "outcome",
    "DunningCampaign": "campaign",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a story ended: what arrived, what was not sent and why, and where the case stands."""

    inbox: tuple[str, ...]
    held: tuple[str, ...] = ()
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """The customer's inbox, the HTTP interface with the database behind it, and Temporal."""

    stage: Stage
    invoice_id: str
    phone: str
    midnight: datetime
    nights: tzinfo | None = None

    async def case(self) -> Any:
        """The case, as the HTTP interface gives it."""
        return (await self.stage.show(self.invoice_id))["case"]

    def arrived(self, carried: Collection[str] = ()) -> list[Message]:
        """What the customer's devices hold about this invoice, in order of arrival.

        `carried` are the vendors' ids of messages of other invoices that speak of this one too.
        """
        case = f"dunning:{self.invoice_id}:"
        return [
            message
            for message in self.stage.sandbox.messages
            if _case_of(message).startswith(case)
            or message.to == self.phone
            or message.vendor_id in carried
        ]

    async def told(self) -> Told:
        """The whole outcome, once all witnesses have been found to agree on it."""
        case = await self.case()
        if case is None:
            seen = tuple(self._seen(message) for message in self.arrived())
            return Told(inbox=seen, standing="no case")
        messages = case["messages"]
        sent = [m["provider_id"] for m in messages if m["status"] == "sent" and m["provider_id"]]
        # Of one that a person settled only that person knows the vendor's id.
        settled = [m for m in messages if m["status"] == "sent" and not m["provider_id"]]
        lost = [m for m in messages if m["status"] == "unknown"]
        inbox = self.arrived([m["provider_id"] for m in messages if m["merged_into"]])
        arrived = [m.vendor_id for m in inbox]
        assert set(sent) <= set(arrived)
        assert len(sent) <= len(arrived) <= len(sent) + len(settled) + len(lost)
        await self._temporal_agrees(case)
        held = (m for m in messages if m["status"] not in ("sent", "planned"))
        return Told(
            inbox=tuple(self._seen(message) for message in inbox),
            held=tuple(_held(m) for m in held if m["reason"] != CASE_CLOSED),
            standing=_standing(case),
        )

    async def _temporal_agrees(self, case: Any) -> None:
        """A run that was ended by hand has nothing to say."""
        handle = self.stage.client.get_workflow_handle(case["workflow_id"], result_type=CaseResult)
        found = await handle.describe()
        if found.status is WorkflowExecutionStatus.TERMINATED:
            return
        shown = {name: found.search_attributes.get(name, [None])[0] for name in _ATTRIBUTES}
        assert shown == {name: case[field] for name, field in _ATTRIBUTES.items()}
        ended = case["closed_at"] is not None and case["next_at"] is None
        assert (found.status is WorkflowExecutionStatus.COMPLETED) == ended
        if ended:
            result = await handle.result()
            assert (result.outcome, result.cause) == (case["outcome"], case["cause"])

    def _seen(self, message: Message) -> str:
        """Day and words of a message, which must not have come in the night."""
        here = message.arrived_at.astimezone(self.midnight.tzinfo)
        local = here if self.nights is None else here.astimezone(self.nights)
        opens, closes = _HOURS[message.channel]
        assert opens <= local.hour < closes, f"{message.channel} at {local}"
        day = (here.date() - self.midnight.date()).days
        words = message.subject or f"text: {message.text.partition(' http')[0]}"
        return f"day {day}: {words}"


def _case_of(message: Message) -> str:
    """Emails share their account with other systems, so theirs has a name of its own."""
    args = message.custom_args
    return args.get("dunning_case_id") or args.get("case_id", "")


def _held(message: Any) -> str:
    step = message["step"].rpartition(".")[2]
    return f"{step}: {message['status']}, {message['reason']}"


def _standing(case: Any) -> str:
    if case["outcome"] is not None:
        cause = f" by {case['cause']}" if case["cause"] else ""
        late = ", paid after that" if case["paid_after_close_at"] else ""
        return f"{case['outcome']}{cause}{late}"
    reason = f": {case['review_reason']}" if case["state"] == "review" else ""
    return f"{case['state']}{reason}"


async def eventually(look: Callable[[], Awaitable[T | None]], *, within: float = _PATIENCE) -> T:
    """What a look finds, once it finds something; for what happens outside the calendar."""
    async with asyncio.timeout(within):
        while not (found := await look()):
            await asyncio.sleep(_LOOK)
    return found


async def rows(stage: Stage, query: str) -> list[dict[str, Any]]:
    """What the database itself says."""
    async with stage.stores.database.single() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def dispatched(stage: Stage) -> None:
    """Wait until all events have gone where they belong, whatever their cases make of them."""

    async def none_left() -> bool:
        return not (await stage.stores.inbox.counts())[EventStatus.PENDING]

    await eventually(none_left)
