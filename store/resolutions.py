"""How do cases hear of what a person found out about a message of theirs?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.inbox import NewEvent, put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

RESOLUTION_SOURCE = "api"
MESSAGE_SETTLED = "message.settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One invoice that a settled message spoke of; `at` tells this settlement from others."""

    invoice_id: str
    step: str
    at: datetime


async def tell_resolved(
    connection: AsyncConnection, resolved: Sequence[Resolved], *, sent: bool
) -> None:
    """An event of our own for each invoice, within the caller's transaction."""
    events = [
        {"invoice_id": one.invoice_id, "step": one.step, "sent": sent, "at": one.at.isoformat()}
        for one in resolved
    ]
    bodies = [json.dumps(event, separators=(",", ":")).encode() for event in events]
    await put(
        connection,
        [NewEvent(source=RESOLUTION_SOURCE, name=MESSAGE_SETTLED, body=body) for body in bodies],
    )
