"""How is a customer led to a page of the recovery service for a new card?

Each press makes a link of its own: they are good once and for three days, so none is worth keeping.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dunning.errors import ProviderError
from dunning.ports import CallLimit, HostedPages
from store.errors import DatabaseDownError
from store.hosted_links import Reserved

_log = structlog.get_logger(__name__)
# A customer waits for the answer.
_PATIENCE = timedelta(seconds=3)


class LinkCount(Protocol):
    """Counts links; `store.hosted_links.HostedLinks` is one such."""

    async def reserve(self, invoice_id: str) -> Reserved | None:
        """Leave for one link; None while there were enough of them, or without a card on file."""
        ...

    async def minted(self, reserved: Reserved, expires_at: datetime) -> None:
        """The link was made and is good until then."""
        ...

    async def drop(self, reserved: Reserved) -> None:
        """There is no link after all, and it does not count."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Minter:
    """Makes links; `base_url` is where the service answers, by which browsers let forms lead."""

    pages: HostedPages
    limit: CallLimit
    count: LinkCount
    base_url: str

    async def mint(self, invoice_id: str) -> str | None:
        """A fresh address for this one press; None if there is none at the moment."""
        reserved = await self.count.reserve(invoice_id)
        if reserved is None:
            _log.warning("no_hosted_link", invoice_id=invoice_id, reason="no card, or too many")
            return None
        try:
            async with self.limit.calling(_PATIENCE):
                link = await self.pages.mint(reserved.token)
        except ProviderError as fault:
            _log.warning("no_hosted_link", invoice_id=invoice_id, reason=str(fault))
            await self.count.drop(reserved)
            return None
        with suppress(DatabaseDownError):
            await self.count.minted(reserved, link.expires_at)
        return link.url
