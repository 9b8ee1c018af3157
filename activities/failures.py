"""How does a fault of ours become one of Temporal's? Here and nowhere else."""

from __future__ import annotations

from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from dunning.errors import DunningError


def retryable(fault: DunningError, *, delay: timedelta | None = None) -> ApplicationError:
    """A fault that Temporal tries again. Its text is ours and holds no personal data."""
    return ApplicationError(
        str(fault),
        type=type(fault).__name__,
        next_retry_delay=delay,
        category=ApplicationErrorCategory.BENIGN,
    )
