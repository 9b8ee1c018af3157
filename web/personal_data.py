"""What may a customer ask to read, or to have forgotten?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from store.disclosure import Disclosure
from store.erasure import Erased, Erasure
from web.errors import CustomerNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """Everything that is held about a customer; the same for HTTP and the command line."""

    erasure: Erasure
    disclosure: Disclosure
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def erase(self, customer_id: str, *, author: str) -> Erased:
        """Forget a customer for good; their open cases are stopped in a moment.

        Raise ErasureRefusedError while events about them are being handled.
        """
        erased = await self.erasure.erase(customer_id, author=author)
        if erased is None:
            raise CustomerNotFoundError(customer_id)
        self.arrived.set()
        return erased

    async def export(self, customer_id: str) -> dict[str, Any]:
        """All of it, as one document."""
        found = await self.disclosure.of(customer_id)
        if found is None:
            raise CustomerNotFoundError(customer_id)
        return found
