"""What is known of the installation that a policy is for?"""

from __future__ import annotations

from dataclasses import dataclass

from dunning.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`channels` are those with a vendor, `regions` the likely ones of customers (ISO 3166).

    `live` when links in messages lead to an address that customers can reach.
    """

    channels: frozenset[Channel] = frozenset(Channel)
    regions: tuple[str, ...] = ()
    live: bool = False
