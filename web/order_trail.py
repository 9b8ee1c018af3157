"""Who ordered what of a case, as its audit trail keeps it, whether or not it could be done?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from dunning.orders import Order
from store.audit import Audit
from store.audit_kinds import AuditKind
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

_REFUSALS: dict[type[Exception], str] = {
    OrderRefusedError: "not possible as the case stands",
    NoRunError: "the case does not run",
    TemporalDownError: "Temporal did not answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver:
    """Who gives an order; the same `request_id` is the same order."""

    author: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTrail:
    """Keeps orders before they are carried out, so that each stands before what it caused."""

    audit: Audit

    @asynccontextmanager
    async def order(self, case_id: int, order: Order, giver: Giver) -> AsyncGenerator[None]:
        """Keep an order, and that it was refused if the block says so."""
        kind = AuditKind(f"order.{order.kind.replace('-', '_')}")
        told = {_NAMES.get(name, name): _plain(value) for name, value in asdict(order).items()}
        del told["kind"]
        await self.keep(case_id, kind, told, giver)
        try:
            yield
        except tuple(_REFUSALS) as fault:
            refused = {"order": order.kind, "reason": _REFUSALS[type(fault)]}
            await self.keep(case_id, AuditKind.ORDER_REFUSED, refused, giver)
            raise

    async def keep(
        self, case_id: int, kind: AuditKind, told: Mapping[str, object], giver: Giver
    ) -> None:
        """Keep what a person did."""
        detail = {"author": giver.author, **told}
        await self.audit.append(case_id, kind, detail, request_id=giver.request_id)


_NAMES = {"note_id": "note"}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
