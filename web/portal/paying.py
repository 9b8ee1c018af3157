"""Where does the button of a page lead to, by the policy of the case?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from dunning.pay_page import Destination, PayPage, filled
from store.pay_pages import PageRecord
from web.portal.headers import host_of
from web.portal.minting import Minter


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What is known of it before it is pressed: with a `new_card`, no host yet.

    `leads_to` is what browsers are told, who only look at its scheme.
    """

    host: str | None
    leads_to: str
    new_card: bool = False

    @classmethod
    def to(cls, url: str | None) -> Way | None:
        """The way to an address, if there is one."""
        return None if url is None else cls(host=host_of(url), leads_to=url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """Leads customers on. Without a `minter` nobody is led to a page for a new card.

    `secret` signs addresses of the merchant's template; `now` is the wall clock.
    """

    now: Callable[[], datetime]
    minter: Minter | None = None
    secret: str | None = None

    def way(self, record: PageRecord, rules: PayPage) -> Way | None:
        """Where the button leads most probably; None if nowhere."""
        ways = list(self._ways(record, rules))
        plain = [way.leads_to for way in ways if way.leads_to.startswith("http:")]
        if not ways:
            return None
        return replace(ways[0], leads_to=next(iter(plain), ways[0].leads_to))

    async def address(self, record: PageRecord, rules: PayPage) -> str | None:
        """Where this press leads: the first destination that there is at this moment."""
        for destination in rules.destinations:
            url = await self._address(destination, record, rules)
            if url is not None:
                return url
        return None

    def _ways(self, record: PageRecord, rules: PayPage) -> Iterator[Way]:
        for destination in rules.destinations:
            match destination:
                case Destination.HOSTED_LINK if self.minter and record.has_card:
                    yield Way(host=None, leads_to=self.minter.base_url, new_card=True)
                case Destination.PAYMENT_URL if way := Way.to(record.invoice.payment_url):
                    yield way
                case Destination.TEMPLATE if way := Way.to(self._template(rules)):
                    yield way
                case _:
                    pass

    async def _address(
        self, destination: Destination, record: PageRecord, rules: PayPage
    ) -> str | None:
        invoice = record.invoice
        match destination:
            case Destination.HOSTED_LINK:
                minter = self.minter if record.has_card else None
                return None if minter is None else await minter.mint(invoice.id)
            case Destination.PAYMENT_URL:
                return invoice.payment_url
            case Destination.TEMPLATE:
                template = self._template(rules)
                return template and filled(
                    template,
                    invoice=invoice.id,
                    owed=invoice.amount,
                    now=self.now(),
                    secret=self.secret,
                )

    def _template(self, rules: PayPage) -> str | None:
        """An address that must be signed is no address without the secret."""
        return None if rules.signed and self.secret is None else rules.template
