"""Which campaign fits a case, and why not one of those before it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dunning.campaign import Campaign
    from dunning.conditions import Facts
    from dunning.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The first campaign that fits, None when none does; `why` has one line per one passed over."""

    campaign: Campaign | None
    why: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The choice in one line, for the case."""
        passed = "; ".join(self.why)
        if self.campaign is None:
            return f"no campaign of the policy fits: {passed}"
        if not self.why:
            return "its conditions hold, and it is the first in the policy"
        return f"the first whose conditions hold; passed over: {passed}"


def choose(policy: Policy, facts: Facts) -> Choice:
    """The first campaign, in file order, whose conditions all hold."""
    why: list[str] = []
    for campaign in policy.campaigns:
        mismatch = campaign.when.mismatch(facts, policy.account.locale)
        if mismatch is None:
            return Choice(campaign=campaign, why=tuple(why))
        why.append(f"{campaign.name}: {mismatch}")
    return Choice(campaign=None, why=tuple(why))
