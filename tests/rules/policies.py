"""Which policies do the tests of the rule book use? Builders with the fewest fields."""

from __future__ import annotations

from typing import Any

from dunning.policy import Policy, parse_policy


def step(name: str, **fields: Any) -> dict[str, Any]:
    """An email step; `after` or `before_close` must be given."""
    return {"id": name, "channel": "email", "template": "reminder", **fields}


def campaign(name: str = "monthly", *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A campaign of 27 days with one email, unless told otherwise."""
    chosen = steps or (step("first", after="2h"),)
    return {"name": name, "length": "27d", "steps": list(chosen), **fields}


def document(*campaigns: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A policy document."""
    brand = {"name": "Example", "support_email": "billing@example.com"}
    chosen = campaigns or (campaign(),)
    return {"version": 1, "brand": brand, "campaigns": list(chosen), **fields}


def policy(*campaigns: dict[str, Any], **fields: Any) -> Policy:
    """The same, parsed."""
    return parse_policy(document(*campaigns, **fields))
