"""What can go wrong between us and Temporal?

DunningError
├── TemporalDownError    Temporal does not answer: try again later
├── NoRunError           there is no running workflow of that id
└── OrderRefusedError    the case cannot carry the order out now; the text says why
"""

from __future__ import annotations

from dunning.errors import DunningError


class TemporalDownError(DunningError):
    """Temporal does not answer."""


class NoRunError(DunningError):
    """There is no running workflow of that id."""


class OrderRefusedError(DunningError):
    """The case cannot carry the order out now; the text says why and what is possible."""
