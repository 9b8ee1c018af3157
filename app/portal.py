"""What stands behind the customers' pages: which rules, which clock, and who makes links?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from activities.policies import Policies
from app import clock, wiring
from app.settings import Settings, required
from app.wiring import Stores
from dunning.pay_page import Destination, PayPage
from dunning.policy import Policy
from providers.revtain.api import RevtainApi
from store.call_budget import CallBudget
from store.help_requests import HelpRequests
from store.hosted_links import HostedLinks
from web.portal.assisting import Assisting
from web.portal.minting import Minter
from web.portal.pages import Behind
from web.portal.paying import Paying
from web.portal.promising import Promises, Promising
from web.portal.scene import Rules
from web.promises import CaseClock

# A customer waits for the answer, who can press the button again.
_PATIENCE = timedelta(seconds=8)
_REVTAIN = "https://api.revtain.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the pages need; closed at the end of the process."""

    behind: Behind
    hosted: RevtainApi | None

    async def aclose(self) -> None:
        """Close connections to Revtain."""
        if self.hosted is not None:
            await self.hosted.aclose()


def portal(
    settings: Settings, stores: Stores, promises: Promises, case_clock: CaseClock | None
) -> Portal:
    """The pages of the web process; SettingsError if addresses are to be signed without a key."""
    policy = wiring.policy(settings)
    hosted = _hosted(settings)
    behind = Behind(
        paying=Paying(
            now=clock.now,
            minter=_minter(settings, stores, hosted),
            secret=_secret(settings, policy.pay_page),
        ),
        rules=Rules(of=_rules(stores, policy), clock=case_clock or clock.WallClock()),
        promising=Promising(promises=promises),
        assisting=Assisting(desk=HelpRequests(stores.database, settings.token_key)),
        stops=wiring.preference_links(settings),
    )
    return Portal(behind=behind, hosted=hosted)


def _hosted(settings: Settings) -> RevtainApi | None:
    if settings.revtain_api_key is None:
        return None
    return RevtainApi(
        settings.revtain_api_key.get_secret_value(),
        now=clock.now,
        base_url=settings.revtain_base_url,
        timeout=_PATIENCE,
    )


def _minter(settings: Settings, stores: Stores, hosted: RevtainApi | None) -> Minter | None:
    if hosted is None:
        return None
    return Minter(
        pages=hosted,
        limit=CallBudget(stores.database),
        count=HostedLinks(stores.database),
        base_url=settings.revtain_base_url or _REVTAIN,
    )


def _secret(settings: Settings, rules: PayPage) -> str | None:
    secret = settings.pay_url_secret
    if rules.signed and Destination.TEMPLATE in rules.destinations:
        secret = required(secret, "DUNNING_PAY_URL_SECRET")
    return None if secret is None else secret.get_secret_value()


def _rules(stores: Stores, current: Policy) -> Callable[[str | None], Awaitable[PayPage]]:
    """Of the policy with a digest, else of the one in force; looking publishes nothing."""
    policies = Policies(kept=stores.policies, current=current)

    async def of(digest: str | None) -> PayPage:
        digest = digest or await stores.policies.current()
        found = current if digest is None else await policies.get(digest)
        return found.pay_page

    return of
