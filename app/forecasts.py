"""How will cases look once they are open? For the lists, at their start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dunning.errors import PolicyError
from dunning.forecast import Shown, forecast

if TYPE_CHECKING:
    from activities.policies import Policies
    from dunning.events import Failed
    from store.registry import Registry


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Reads all invoices of a batch at once."""

    policies: Policies
    registry: Registry

    async def of(self, failures: Mapping[str, Failed]) -> Mapping[str, Shown]:
        """By invoice, from its first failure; unknown invoices are left out.

        Nothing at all under a policy that only a newer version of the worker can read.
        """
        try:
            _, policy = await self.policies.pin(None)
        except PolicyError:
            return {}
        found = await self.registry.get_invoices(sorted(failures))
        return {name: forecast(policy, found[name], failures[name]) for name in found}
