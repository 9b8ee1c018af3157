"""How is a story told? In days of the customers' calendar, by what is done to an invoice."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from http import HTTPStatus
from typing import Any

from pydantic import JsonValue

from app.demo.stage import Stage
from sandbox.inbox import Message
from tests.stories.witnesses import Told, Witnesses

CONSENT = "2026-01-05T10:00:00Z"
PRICE = 4900
MORNING = 9
AFTERNOON = 14
DAY = timedelta(days=1)
# One Temporal server plays many stories, and an id belongs to one of them.
_numbers = itertools.count(1001)


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
        """A number of no country, so that no public holiday shifts a text of a story."""
        return f"+1555555{self.number:04d}"

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
        return await self._witnesses.case()

    def arrived(self) -> list[Message]:
        """What the customer's devices hold about this invoice, in order of arrival."""
        return self._witnesses.arrived()

    async def told(self, lives: tzinfo | None = None) -> Told:
        """The whole outcome, on which all witnesses agree; `lives` is where the nights are."""
        return await replace(self._witnesses, nights=lives).told()

    @property
    def _witnesses(self) -> Witnesses:
        return Witnesses(
            stage=self.stage,
            invoice_id=self.id,
            phone=self.phone,
            midnight=self.teller.midnight,
        )

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
