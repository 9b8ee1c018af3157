"""How does a fault of ours become one of Temporal's? Here and nowhere else."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from dunning.errors import DunningError

INTERNAL_FAULT = "a fault of this program; the worker's log tells more"

_log = structlog.get_logger(__name__)


def retryable(fault: DunningError, *, delay: timedelta | None = None) -> ApplicationError:
    """A fault that Temporal tries again. Its text is ours and holds no personal data."""
    return ApplicationError(
        str(fault),
        type=type(fault).__name__,
        next_retry_delay=delay,
        category=ApplicationErrorCategory.BENIGN,
    )


@contextmanager
def in_our_words() -> Generator[None]:
    """Let no foreign text into a history: it may quote an address, a number or a message."""
    try:
        yield
    except ApplicationError:
        raise
    except DunningError as fault:
        raise retryable(fault) from None
    except Exception as fault:  # noqa: BLE001 (whatever it is, its text goes nowhere)
        where = "".join(traceback.format_tb(fault.__traceback__))
        _log.error("internal_fault", fault=type(fault).__name__, where=where)
        raise ApplicationError(INTERNAL_FAULT, type=type(fault).__name__) from None
