"""Who are the customers whose pages are looked at, and what happened to them before?"""

from __future__ import annotations

import asyncio
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app import wiring
from dunning.channel import Channel
from dunning.suppression import Reason, Source
from store.help_requests import MOST_A_DAY
from store.suppressions import Closing
from tests.pages.states import LOCALES, STATES

if TYPE_CHECKING:
    from app.demo.stage import Stage

_OPTION = re.compile(r'<option value="(\d{4}-\d\d-\d\d)">')
_DAY_CHOSEN = 4
_FAILED = {"failed", "promised", "retrying", "expired"}
_CLOSED = {
    "stopped": (
        (Channel.EMAIL, Reason.OPTED_OUT, Source.PAGE),
        (Channel.SMS, Reason.OPTED_OUT, Source.PAGE),
    ),
    "replied": ((Channel.SMS, Reason.OPTED_OUT, Source.REPLY),),
    "unreachable": ((Channel.EMAIL, Reason.BAD_ADDRESS, Source.REPORT),),
}
# Both come about over days or weeks; here only their last trace counts.
_LONG_AGO = "UPDATE cases SET closed_at = closed_at - interval '1 year' WHERE invoice_id = :invoice"
_RETRYING = "UPDATE cases SET state = 'retrying' WHERE invoice_id = :invoice"
# A page's address is told from its name.
_LINK = "UPDATE invoices SET link_id = :link WHERE id = :invoice"


def link_id(life: str | None, language: str) -> str:
    """Whose link it is: that of the customer with such a life, who speaks the language."""
    return "nobody" if life is None else f"{life}-{language}"


async def fill(stage: Stage) -> None:
    """Let customers of every life and language come; a worker must be at work."""
    lives = sorted({state.life for state in STATES if state.life})
    customers = [
        Customer(stage=stage, number=number, life=life, language=language)
        for number, (life, language) in enumerate(itertools.product(lives, LOCALES), 1)
    ]
    await asyncio.gather(*(customer.register() for customer in customers))
    await stage.settle()
    await asyncio.gather(*(customer.live() for customer in customers))
    await stage.settle()
    for customer in customers:
        await customer.age()


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody with one invoice, and what became of it."""

    stage: Stage
    number: int
    life: str
    language: str
    name: str = ""

    @property
    def link_id(self) -> str:
        return self.name or link_id(self.life, self.language)

    @property
    def invoice_id(self) -> str:
        return f"2026-{self.number:04d}"

    @property
    def email(self) -> str:
        return f"ada{self.number}@customer.example"

    @property
    def phone(self) -> str:
        return f"+1555556{self.number:04d}"

    @property
    def link(self) -> str:
        return wiring.links(self.stage.settings).url(self.link_id)

    @property
    def preferences(self) -> str:
        return wiring.preference_links(self.stage.settings).url(self.link_id)

    async def register(self) -> None:
        address = None if self.life in {"addressless", "card-alone"} else "https://shop.example/pay"
        card = f"pm-{self.number}" if self.life.startswith("card") else None
        await self.stage.register(
            self.invoice_id,
            amount_due=4900,
            currency="JPY" if self.language == "ja" else "USD",
            description="Pro plan, November",
            billing_period="month",
            payment_url=address,
            payment_method_token=card,
            customer=self._person(),
            revtain={"transaction_ids": [f"page-{self.number}"]},
        )
        await self._write(_LINK, link=self.link_id)
        if self.life in _FAILED:
            event = {"event": "recovery.failed", "revtainTransactionId": f"page-{self.number}"}
            decline = {"recommendedAction": "request_card_update", "declineCode": "do_not_honor"}
            await self.stage.sandbox.revtain.fire({**event, **decline})

    def _person(self) -> dict[str, Any]:
        reached: dict[str, Any] = {
            "email": self.email,
            "phone": self.phone,
            "sms_consent_at": "2026-01-05T10:00:00Z",
        }
        if self.life == "silent":
            reached = {"push_tokens": [f"device-{self.number}"]}
        who = {"id": f"cus-{self.number}", "name": "Ada", "locale": LOCALES[self.language]}
        return {**who, "timezone": "Europe/Berlin", **reached}

    async def live(self) -> None:
        """What happens to the invoice, or to the customer, before the page is looked at."""
        match self.life:
            case "paid" | "void":
                await self.stage.call("POST", f"/v1/invoices/{self.invoice_id}/{self.life}", {})
            case "expired":
                await self.stage.call("POST", f"/v1/invoices/{self.invoice_id}/paid", {})
            case "promised":
                await self._promise()
            case "asking-often":
                for number in range(MOST_A_DAY):
                    await self._press("help", message=f"Please call me, at {number} o'clock.")
            case _:
                for channel, reason, source in _CLOSED.get(self.life, ()):
                    await self._close(channel, reason, source)

    async def age(self) -> None:
        """What time, or a vendor, would have done to the case."""
        if self.life == "expired":
            await self._write(_LONG_AGO)
        if self.life == "retrying":
            await self._write(_RETRYING)

    async def _promise(self) -> None:
        async with self.stage.http.get(self.link) as answer:
            days = _OPTION.findall(await answer.text())
        await self._press("promise", day=days[_DAY_CHOSEN])

    async def _press(self, button: str, **form: str) -> None:
        async with self.stage.http.post(f"{self.link}/{button}", data=form) as answer:
            assert answer.status == 200, await answer.text()

    async def _write(self, statement: str, **values: str) -> None:
        async with self.stage.stores.database.begin() as connection:
            await connection.execute(text(statement), {"invoice": self.invoice_id, **values})

    async def _close(self, channel: Channel, reason: Reason, source: Source) -> None:
        address = self.email if channel is Channel.EMAIL else self.phone
        closing = Closing(channel=channel, address=address, reason=reason, source=source)
        await self.stage.stores.suppressions.add(closing)
