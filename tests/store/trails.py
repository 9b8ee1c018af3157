"""How does a test of the trail of a case begin one, and read it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dunning.states import State
from dunning.view import CaseView
from store.audit import Audit
from store.audit_chain import Head

if TYPE_CHECKING:
    from store.cases import Cases
    from tests.store.conftest import Register

RUN = "dunning:INV-1:1"


async def begun(register: Register, cases: Cases, now: datetime) -> str:
    """An invoice whose case has just been opened."""
    await register()
    await cases.open_many(["INV-1"], now)
    return "INV-1"


def a_view(version: int, state: State = State.WAITING, **fields: Any) -> CaseView:
    base = CaseView(workflow_id=RUN, version=version, state=state, campaign="monthly")
    return replace(base, **fields)


async def kinds(audit: Audit) -> list[str]:
    return [entry.kind for entry in await audit.of_invoice("INV-1")]


async def faults(audit: Audit, kept: list[Head] | None = None) -> list[str]:
    found = [checked async for checked in audit.verify(None, kept or [])]
    return [f"{c.fault.invoice_id}: {c.fault.problem}" for c in found if c.fault is not None]
