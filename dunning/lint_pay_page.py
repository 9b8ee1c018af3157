"""Does the link in a message live as long as the case that sends it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.duration import format_duration
from dunning.finding import Code, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.policy import Policy


def pay_page(policy: Policy) -> Iterator[Finding]:
    """Each campaign, with all rounds of the review after it, against the life of a link."""
    life, reviews = policy.pay_page.link_life, policy.review.deadline * policy.review.rounds
    lengths = {campaign.name: campaign.length + reviews for campaign in policy.campaigns}
    name, longest = max(lengths.items(), key=lambda one: one[1])
    if life < longest:
        yield Finding(
            code=Code.LINK_SHORTER_THAN_CASE,
            path="pay_page.link_life",
            problem=f"links expire {format_duration(life)} after the case, which is less than "
            f"campaign {name} and its reviews take, {format_duration(longest)}: who comes back "
            "late finds nothing",
            fix=f"Write {format_duration(longest)} or more.",
        )
