"""Who takes promises to pay, by whose policy, and by which clock?"""

from __future__ import annotations

from activities.policies import Policies
from app import clock, wiring
from app.settings import Settings
from app.wiring import Stores
from dunning.policy import Promise
from web.operations import Operations
from web.promises import CaseClock, PromiseDesk


def desk(
    settings: Settings,
    stores: Stores,
    operations: Operations,
    case_clock: CaseClock | None = None,
) -> PromiseDesk:
    """The desk of the web process and of the command line."""
    policies: list[Policies] = []

    async def rules(digest: str | None) -> Promise | None:
        if not policies:
            policies.append(Policies(kept=stores.policies, current=wiring.policy(settings)))
        return (await policies[0].pin(digest))[1].promise

    return PromiseDesk(operations=operations, clock=case_clock or clock.WallClock(), rules=rules)
