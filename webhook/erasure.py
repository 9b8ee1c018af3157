"""Which cases are stopped when their customer is erased?"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dunning.orders import Stop
from store.inbox import ClaimedEvent
from webhook.handling import Done
from workflows.client import CaseClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureHandler:
    """Gives every case that an event of our own names the order to stop, with its note."""

    client: CaseClient

    async def handle(self, event: ClaimedEvent) -> Done:
        """Each case is stopped once; one that is closed already stays as it is."""
        stops = json.loads(event.body)["stops"]
        told = [
            await self.client.order_in_bulk(
                stop["workflow_id"], Stop(note_id=stop["note_id"]), order_id=f"e{event.id}"
            )
            for stop in stops
        ]
        return None, f"{sum(told)} case(s) stopped"
