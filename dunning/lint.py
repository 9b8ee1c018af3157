"""What in a valid policy will not do what its author meant?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.finding import Code, Finding
from dunning.lint_brand import brand
from dunning.lint_choice import choice
from dunning.lint_pay_page import pay_page
from dunning.lint_schedule import schedule
from dunning.lint_steps import steps
from dunning.lint_windows import windows
from dunning.lint_words import words
from dunning.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from dunning.channel import Channel
    from dunning.policy import Policy

__all__ = ["Code", "Finding", "lint"]
_ANYWHERE = Surroundings()


def lint(
    policy: Policy,
    templates: Mapping[Channel, AbstractSet[str]],
    around: Surroundings = _ANYWHERE,
) -> tuple[Finding, ...]:
    """Everything found, by subject; `templates` are the names that exist per channel."""
    return (
        *brand(policy, around),
        *choice(policy),
        *steps(policy, around),
        *windows(policy, around),
        *schedule(policy),
        *pay_page(policy),
        *words(policy, templates),
    )
