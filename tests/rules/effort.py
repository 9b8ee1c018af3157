"""How many examples does a property test try? A few in the gate, many more in a soak."""

from __future__ import annotations

from hypothesis import settings

_USUAL = 100


def effort(examples: int) -> settings:
    """So many examples in the gate; a profile with more of them multiplies that."""
    return settings(max_examples=examples * settings().max_examples // _USUAL, deadline=None)
