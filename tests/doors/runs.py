"""How do the runs of cases behave in these tests? As scripted, and they remember."""

from __future__ import annotations

from dataclasses import dataclass, field

from dunning.errors import DunningError
from dunning.events import Failed
from dunning.orders import Order
from workflows.client import Fact, Opened
from workflows.contracts import CaseInput, Snapshot


@dataclass(slots=True)
class ScriptedRuns:
    """Takes the place of Temporal. `fault` is raised by the next call."""

    orders: list[tuple[str, Order, str | None]] = field(
        default_factory=list[tuple[str, Order, str | None]]
    )
    opened: list[tuple[str, CaseInput, Failed]] = field(
        default_factory=list[tuple[str, CaseInput, Failed]]
    )
    told: list[tuple[str, Fact]] = field(default_factory=list[tuple[str, Fact]])
    fault: DunningError | None = None
    snapshot: Snapshot = field(
        default_factory=lambda: Snapshot(
            state="paused", version=3, next_step=None, next_at=None, outcome=None
        )
    )

    async def open(self, workflow_id: str, start: CaseInput, event: Failed) -> Opened:
        self._fail()
        self.opened.append((workflow_id, start, event))
        return Opened.RUNNING

    async def order(self, workflow_id: str, order: Order, *, request_id: str | None) -> Snapshot:
        self._fail()
        self.orders.append((workflow_id, order, request_id))
        return self.snapshot

    async def ready(self) -> None:
        """Temporal is there; what it then says of a call is `fault`."""

    async def tell(self, workflow_id: str, fact: Fact) -> bool:
        self._fail()
        self.told.append((workflow_id, fact))
        return True

    def _fail(self) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
