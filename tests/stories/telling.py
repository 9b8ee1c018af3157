"""How is a story told? In days of the customer's calendar, and by what everybody saw in the end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from http import HTTPStatus
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import text
from temporalio.client import WorkflowExecutionStatus

from app.demo.stage import Stage
from dunning.facts import CASE_CLOSED
from sandbox.inbox import Channel, Message
from store.inbox import EventStatus
from workflows.contracts import CaseResult

T = TypeVar("T")
CONSENT = "2026-01-05T10:00:00Z"
PRICE = 4900
MORNING = 9
AFTERNOON = 14
DAY = timedelta(days=1)
FIRST = "Your payment to Example did not go through"
REMINDER = "Reminder: your payment to Example"
TEXT = "text: Example: Reminder: we could not take your payment."
FINAL = "Last reminder about your payment to Example"
RECEIPT = "Thank you, Example has received your payment"
NEW_CARD_FAILED = "About the card you updated at Example"
CONFIRM = "Please confirm your payment to Example"
# What a customer hears who never pays.
SILENT_MONTH = (
    f"day 0: {FIRST}",
    f"day 4: {REMINDER}",
    f"day 6: {TEXT}",
    f"day 9: {REMINDER}",
    f"day 15: {REMINDER}",
    f"day 22: {FINAL}",
)
PATIENCE = 10.0
_LOOK = 0.02
_HOURS = {Channel.EMAIL: (8, 20), Channel.SMS: (9, 20)}
# One Temporal server plays many stories, and an id belongs to one of them.
_numbers = itertools.count(1001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a story ended: what arrived, what was not sent and why, and where the case stands."""

    inbox: tuple[str, ...]
    held: tuple[str, ...] = ()
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """A stage, and a calendar whose day 0 begins in the customers' morning."""

    stage: Stage
    midnight: datetime

    @classmethod
    def of(cls, stage: Stage, hour: int = MORNING) -> Teller:
        """Customers live where it is this hour of day 0 when the story begins."""
        hours = (hour - stage.now.astimezone(UTC).hour + 11) % 24 - 11
        local = stage.now.astimezone(timezone(timedelta(hours=hours)))
        return cls(stage=stage, midnight=datetime.combine(local, time(), local.tzinfo))

    @property
    def zone(self) -> str:
        """The IANA name of the customers' zone, whose signs are turned round."""
        hours = round((self.midnight.utcoffset() or timedelta()) / timedelta(hours=1))
        return f"Etc/GMT{-hours:+d}"

    def at(self, day: int, hour: float = AFTERNOON) -> datetime:
        """An instant of the calendar."""
        return self.midnight + day * DAY + timedelta(hours=hour)

    async def day(self, number: int, hour: float = AFTERNOON) -> None:
        """Let time pass until then, for all cases together."""
        await self.stage.advance_to(self.at(number, hour))

    async def invoice(self, **changes: Any) -> Invoice:
        """An unpaid monthly invoice of its own customer; `customer` changes are merged."""
        invoice = self.unregistered()
        await invoice.register(**changes)
        return invoice

    def unregistered(self) -> Invoice:
        """An invoice that nobody has told us of yet."""
        return Invoice(teller=self, number=next(_numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice, those who speak of it, and what is known of it afterwards."""

    teller: Teller
    number: int

    @property
    def stage(self) -> Stage:
        return self.teller.stage

    @property
    def id(self) -> str:
        return f"INV-{self.number}"

    @property
    def transaction(self) -> str:
        return f"txn-{self.number}"

    @property
    def email(self) -> str:
        return f"ada{self.number}@example.com"

    @property
    def phone(self) -> str:
        return f"+1212555{self.number:04d}"

    @property
    def token(self) -> str:
        return f"pm-{self.number}"

    async def register(self, customer: dict[str, Any] | None = None, **changes: Any) -> None:
        person = {
            "id": f"cus-{self.number}",
            "name": "Ada",
            "email": self.email,
            "phone": self.phone,
            "sms_consent_at": CONSENT,
            "locale": "en-US",
            "timezone": self.teller.zone,
        }
        invoice = {
            "amount_due": PRICE,
            "currency": "USD",
            "billing_period": "month",
            "payment_method_token": self.token,
            "revtain": {"transaction_ids": [self.transaction]},
        }
        given = {**invoice, **changes, "customer": {**person, **(customer or {})}}
        await self.stage.register(self.id, **given)
        await self.stage.settle()

    async def fails(
        self,
        action: str | None = "request_card_update",
        code: str | None = "do_not_honor",
        *,
        transaction: str | None = None,
        **fields: JsonValue,
    ) -> None:
        """Revtain gives up on a transaction."""
        await self._fire("recovery.failed", transaction, action, code, fields)

    async def is_blocked(
        self, code: str | None = "fraudulent", *, transaction: str | None = None
    ) -> None:
        """Revtain refuses to try a transaction."""
        await self._fire("recovery.blocked", transaction, None, code, {})

    async def pays(self, *, transaction: str | None = None, **fields: JsonValue) -> None:
        """Revtain reports a success, of the amount owed unless told otherwise."""
        given = {"amount": PRICE, "currency": "USD", **fields}
        await self._fire("recovery.success", transaction, None, None, given)

    def event(self, name: str, **fields: JsonValue) -> dict[str, JsonValue]:
        """An event of Revtain's about this invoice, to be sent by hand."""
        return {"event": f"recovery.{name}", "revtainTransactionId": self.transaction, **fields}

    async def card_updated(self, new: str, old: str | None = None) -> None:
        """The gateway reports a new card, by the token of the old one."""
        event = {"event": "card.updated", "oldToken": old or self.token, "newToken": new}
        await self.stage.sandbox.revtain.fire({**event})
        await self.stage.settle()

    async def post(self, path: str, body: object = None) -> None:
        """The merchant says something of the invoice."""
        status, answer = await self.stage.call("POST", f"/v1/invoices/{self.id}/{path}", body)
        assert status == HTTPStatus.OK, answer
        await self.stage.settle()

    async def order(self, order: str, **fields: object) -> Any:
        """An operator gives an order, and the case carries it out."""
        answer = await self.stage.order(self.id, order, **fields)
        await self.stage.settle()
        return answer

    async def refuses(self, order: str, **fields: object) -> str:
        """An order that cannot be carried out; the words that the operator reads."""
        status, answer = await self.stage.call("POST", f"/v1/cases/{self.id}/{order}", fields)
        assert status == HTTPStatus.CONFLICT, answer
        return str(answer["detail"])

    async def case(self) -> Any:
        """The case, as the HTTP interface gives it."""
        return (await self.stage.show(self.id))["case"]

    def arrived(self) -> list[Message]:
        """What the customer's devices hold about this invoice, in order of arrival."""
        case = f"dunning:{self.id}:"
        return [
            message
            for message in self.stage.sandbox.messages
            if message.custom_args.get("case_id", "").startswith(case) or message.to == self.phone
        ]

    async def told(self) -> Told:
        """The whole outcome, once all witnesses have been found to agree on it."""
        case = await self.case()
        if case is None:
            return Told(inbox=self._inbox(), standing="no case")
        messages = case["messages"]
        sent = [m["provider_id"] for m in messages if m["status"] == "sent"]
        lost = [m for m in messages if m["status"] == "unknown"]
        arrived = [m.vendor_id for m in self.arrived()]
        assert set(sent) <= set(arrived)
        assert len(sent) <= len(arrived) <= len(sent) + len(lost)
        await self._agrees(case)
        held = (m for m in messages if m["status"] not in ("sent", "planned"))
        return Told(
            inbox=self._inbox(),
            held=tuple(_held(m) for m in held if m["reason"] != CASE_CLOSED),
            standing=_standing(case),
        )

    async def _agrees(self, case: Any) -> None:
        """Temporal tells of the case what the database does."""
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

    def _inbox(self) -> tuple[str, ...]:
        return tuple(self._seen(message) for message in self.arrived())

    def _seen(self, message: Message) -> str:
        """Day and words of a message, which must not have come in the night."""
        local = message.arrived_at.astimezone(ZoneInfo(self.teller.zone))
        opens, closes = _HOURS[message.channel]
        assert opens <= local.hour < closes, f"{message.channel} at {local}"
        day = (local.date() - self.teller.midnight.date()).days
        words = message.subject or f"text: {message.text.partition(' http')[0]}"
        return f"day {day}: {words}"

    async def _fire(
        self,
        event: str,
        transaction: str | None,
        action: str | None,
        code: str | None,
        fields: dict[str, JsonValue],
    ) -> None:
        said: dict[str, JsonValue] = {"recommendedAction": action, "declineCode": code, **fields}
        await self.stage.fire(event, transaction or self.transaction, **said)


async def eventually(
    look: Callable[[], Awaitable[T | None]], *, within: float = PATIENCE
) -> T:
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


_ATTRIBUTES = {
    "DunningState": "state",
    "DunningOutcome": "outcome",
    "DunningCampaign": "campaign",
}


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
