"""How does Revtain hear of a payment that succeeded by itself, within its limit of calls?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dunning.errors import ProviderMisconfiguredError
from dunning.money import Money
from dunning.ports import CallLimit, PaymentLog

NO_KEY = "REVTAIN_API_KEY is not set, so nobody can be told of payments: set it for `dunning web`"

# The caller waits for the answer, and can call again.
_PATIENCE = timedelta(seconds=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDesk:
    """Tells each payment once; without a `log` there is nobody to tell."""

    log: PaymentLog | None
    limit: CallLimit
    patience: timedelta = _PATIENCE

    async def succeeded(self, money: Money, reference: str | None) -> str:
        """The id under which it was logged; a `ProviderError` when it was not, or may not be."""
        if self.log is None:
            raise ProviderMisconfiguredError(NO_KEY)
        async with self.limit.calling(self.patience):
            return await self.log.succeeded(money, reference)
