"""Which cases hear that a channel to their customer is closed, or open again?"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dunning.channel import Channel
from dunning.events import ReachChanged
from store.cases import Cases
from store.inbox import ClaimedEvent
from webhook.handling import Done
from workflows.client import CaseClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachHandler:
    """Tells every open case of the customers that an event of our own names (R7)."""

    cases: Cases
    client: CaseClient

    async def handle(self, event: ClaimedEvent) -> Done:
        """Each case hears of each change once; what is already told is told again after a fault."""
        body = json.loads(event.body)
        fact = ReachChanged(
            id=f"e{event.id}", channel=Channel(body["channel"]), reason=body["reason"]
        )
        workflows = await self.cases.live_of_customers(body["customers"])
        told = [await self.client.tell(workflow_id, fact) for workflow_id in workflows]
        return None, f"{sum(told)} case(s) told"
