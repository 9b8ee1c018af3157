"""What does a merchant's look-up endpoint know, and who asked it? A real one, on this machine."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.stories.telling import Invoice


@dataclass(slots=True)
class Shop:
    """Knows invoices by id and by transaction; `status` is how it answers when it is broken."""

    port: int = 0
    secret: str = ""
    status: int = 200
    documents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def invoice_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/lookup/invoice/{{invoice_id}}"

    @property
    def transaction_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/lookup/transaction/{{transaction_id}}"

    def knows(self, invoice: Invoice, **changes: Any) -> None:
        """Only here; `changes` are of fields."""
        person = {
            "id": f"cus-{invoice.number}",
            "name": "Ada",
            "email": invoice.email,
            "locale": "en-US",
            "timezone": invoice.teller.zone,
        }
        self.documents[invoice.id] = {
            "id": invoice.id,
            "amount_due": 4900,
            "currency": "USD",
            "status": "open",
            "billing_period": "month",
            "customer": person,
            "revtain": {"transaction_ids": [invoice.transaction]},
            **changes,
        }

    def answer(self, asked: dict[str, str]) -> web.Response:
        if self.status != 200:
            return web.Response(status=self.status)
        document = self.documents.get(asked.get("invoice_id", ""))
        if transaction := asked.get("transaction_id"):
            found = (d for d in self.documents.values() if _has(d, transaction))
            document = next(found, None)
        return web.Response(status=404) if document is None else web.json_response(document)

    async def look_up(self, request: web.Request) -> web.Response:
        try:
            asked = Webhook(self.secret).verify(
                request.headers["dunning-lookup"], dict(request.headers)
            )
        except WebhookVerificationError:
            return web.Response(status=401)
        self.asked.append(asked)
        return self.answer(asked)


def _has(document: dict[str, Any], transaction: str) -> bool:
    return transaction in document["revtain"]["transaction_ids"]


@asynccontextmanager
async def opened() -> AsyncGenerator[Shop]:
    """A shop on a free port; its secret has to be given."""
    shop = Shop()
    application = web.Application()
    application.router.add_get("/lookup/{kind}/{id}", shop.look_up)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shop.port = runner.addresses[0][1]
    try:
        yield shop
    finally:
        await runner.cleanup()
