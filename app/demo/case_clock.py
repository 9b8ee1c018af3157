"""What time is it for a case whose clock is moved?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client
from temporalio.testing import TimeSkipper


@dataclass(frozen=True, slots=True)
class SkippingClock:
    """Asks the Temporal server, which skips time for each case by itself."""

    client: Client

    async def for_case(self, workflow_id: str) -> datetime:
        """The case's own time, UTC."""
        handle = self.client.get_workflow_handle(workflow_id)
        return await TimeSkipper(self.client).get_current_time(handle)
