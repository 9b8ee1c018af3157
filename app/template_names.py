"""Which templates can a policy name?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from messages.languages import fallback_chain
from messages.render import Renderer

if TYPE_CHECKING:
    from dunning.channel import Channel
    from dunning.policy import Policy


def template_names(folder: Path | None, policy: Policy) -> dict[Channel, frozenset[str]]:
    """The templates that every customer can get: those in the account's own language."""
    chain = fallback_chain(policy.account.locale, policy.account.locale)
    return {
        channel: frozenset(
            name
            for home, names in homes.items()
            if home.replace("_", "-").lower() in chain
            for name in names
        )
        for channel, homes in Renderer(folder).templates().items()
    }
