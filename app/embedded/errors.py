"""How does an embedded server tell its owner that it cannot serve?"""

from __future__ import annotations

from dunning.errors import DunningError


class EmbeddedServerError(DunningError):
    """An embedded server cannot be had or started; the text is one sentence for the user."""
