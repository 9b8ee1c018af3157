"""Which values may a setting have?"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from dunning.alert import NotificationChannel
from dunning.lookup import DirectoryName
from dunning.outgoing import check_url

_SHORTEST_KEY = 32
_BRACES = 2


class EmailTransport(StrEnum):
    """What emails go through."""

    SENDGRID = "sendgrid"
    SMTP = "smtp"


class SmtpTls(StrEnum):
    """How the connection to the SMTP server is encrypted."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class OptOutHandling(StrEnum):
    """Who answers the words STOP, START and HELP."""

    VENDOR = "vendor"
    OURS = "ours"

    @property
    def by_vendor(self) -> bool:
        """Whether Twilio does, so that we keep silent."""
        return self is OptOutHandling.VENDOR


class WebhookAlgorithm(StrEnum):
    """What Twilio signs its webhooks with."""

    SHA1 = "sha1"
    SHA256 = "sha256"


def _web_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_KEY:
        raise ValueError(
            f"must have at least {_SHORTEST_KEY} characters; make one with `openssl rand -hex 32`"
        )
    return value


def _word(value: object) -> object:
    """As in the recovery service's own list too, which is JSON."""
    return value.strip(" []\"'").upper() if isinstance(value, str) else value


def _of(name: str) -> Callable[[str], str]:
    """A template of an address, in which braces hold this name once and nothing else."""

    def checked(value: str) -> str:
        url = check_url(value)
        if url.count(f"{{{name}}}") != 1 or url.count("{") + url.count("}") != _BRACES:
            raise ValueError(f"must hold {{{name}}} once, and no other braces")
        return url

    return checked


def _each_once(value: tuple[DirectoryName, ...]) -> tuple[DirectoryName, ...]:
    if not value or len(set(value)) != len(value):
        raise ValueError("must name one or more of registry, http and sql, each once")
    return value


WebUrl = Annotated[str, AfterValidator(_web_url)]
Directories = Annotated[tuple[DirectoryName, ...], AfterValidator(_each_once)]
InvoiceUrl = Annotated[str, AfterValidator(_of("invoice_id"))]
TransactionUrl = Annotated[str, AfterValidator(_of("transaction_id"))]
Way = Annotated[NotificationChannel, BeforeValidator(_word)]
Key = Annotated[SecretStr, AfterValidator(_long_enough)]
