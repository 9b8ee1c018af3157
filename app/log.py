"""How does the program speak of what it does? One JSON object a line, or words on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, terminal: bool | None = None) -> None:
    """Log to stderr. Personal data is never passed to a logger; ids and reasons are."""
    pretty = sys.stderr.isatty() if terminal is None else terminal
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    # Their debug records hold credentials and addresses.
    for name in ("python_http_client", "sendgrid", "twilio", "aiohttp", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
