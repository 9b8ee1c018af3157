"""What does a server's reply mean for the email?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)

# Long enough for an operator to mend a setting, short enough to lose no step.
MENDING = timedelta(minutes=15)

NOT_REACHED = "the SMTP server could not be reached; the email was not handed over"
BROKEN_OFF = "the SMTP server broke off before the email was handed over"
LOST = "the SMTP server did not answer; it may or may not have taken the email"
NO_TLS = (
    "the SMTP server offers no encryption that can be trusted: check DUNNING_SMTP_HOST,"
    " DUNNING_SMTP_PORT and DUNNING_SMTP_TLS, and the server's certificate"
)
REFUSED_LOGIN = (
    "the SMTP server refused the credentials: check DUNNING_SMTP_USERNAME and DUNNING_SMTP_PASSWORD"
)
REFUSED_SENDER = (
    "the SMTP server does not take email from this address: check DUNNING_EMAIL_FROM, and whether"
    " the server wants DUNNING_SMTP_USERNAME and DUNNING_SMTP_PASSWORD"
)
REFUSED_US = "the SMTP server refuses to talk to us: check DUNNING_SMTP_HOST and DUNNING_SMTP_PORT"
BAD_RECIPIENT = "the SMTP server refused the recipient's address; correct it in the record"
NOT_FOR_THEM = "the SMTP server does not pass email on to this recipient; ask its operator"
REFUSED_CONTENT = (
    "the SMTP server refused the email's content; check the template and the sender's reputation"
)
UNWRITABLE = "the email cannot be written; check the template and the sender's address"

_PERMANENT = 500
_TRANSIENT = 400
# RFC 4954: no credentials, or not good enough.
_LOGIN_CODES = frozenset({530, 534, 535, 538})
# RFC 5321: no such mailbox, not here, bad syntax of its name.
_MAILBOX_CODES = frozenset({550, 551, 553})
# RFC 3463, at the beginning of a reply.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)", re.ASCII)
_NO_MAILBOX = re.compile(r"5\.1\.(?:[0-36]|10)|5\.2\.[01]|5\.4\.[14]", re.ASCII)
_OF_SENDER = frozenset({"5.1.7", "5.1.8"})


class Stage(Enum):
    """How far the dialogue has come."""

    GREETING = "greeting"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


_REFUSALS = {
    Stage.GREETING: REFUSED_US,
    Stage.LOGIN: REFUSED_LOGIN,
    Stage.SENDER: REFUSED_SENDER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server said. Its words may hold an address and go nowhere."""

    code: int
    words: str

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, such as 5.1.1."""
        found = _ENHANCED.match(self.words.strip())
        return found.group() if found else None

    @property
    def shown(self) -> str:
        """Both codes, without the words."""
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)


def read_reply(reply: Reply, stage: Stage) -> ProviderError:
    """The email's outcome after a reply that is not consent. Our words, the server's codes."""
    if reply.code in _LOGIN_CODES and stage is not Stage.CONTENT:
        return _mended(REFUSED_LOGIN, reply)
    if _TRANSIENT <= reply.code < _PERMANENT:
        return ProviderUnavailableError(f"the SMTP server asks to come later ({reply.shown})")
    if reply.code < _PERMANENT:
        return _nonsense(reply, stage)
    if stage in _REFUSALS:
        return _mended(_REFUSALS[stage], reply)
    if stage is Stage.RECIPIENT:
        return _of_recipient(reply)
    return _rejected(REFUSED_CONTENT, Rejection.INVALID, reply)


def _nonsense(reply: Reply, stage: Stage) -> ProviderError:
    """Neither consent nor refusal: only after the content may the email have been taken."""
    if stage is Stage.CONTENT:
        return OutcomeUnknownError(f"{LOST} ({reply.shown})")
    return ProviderUnavailableError(f"{BROKEN_OFF} ({reply.shown})")


def _of_recipient(reply: Reply) -> ProviderError:
    enhanced = reply.enhanced
    if enhanced in _OF_SENDER:
        # Another recipient's server may well take email from us.
        return ProviderUnavailableError(f"{REFUSED_SENDER} ({reply.shown})", retry_after=MENDING)
    if enhanced is None:
        no_mailbox = reply.code in _MAILBOX_CODES
    else:
        no_mailbox = _NO_MAILBOX.fullmatch(enhanced) is not None
    if no_mailbox:
        return _rejected(BAD_RECIPIENT, Rejection.BAD_ADDRESS, reply)
    return _rejected(NOT_FOR_THEM, Rejection.NOT_PERMITTED, reply)


def _rejected(reason: str, rejection: Rejection, reply: Reply) -> ProviderRejectedError:
    return ProviderRejectedError(reason, rejection=rejection, code=reply.shown)


def _mended(reason: str, reply: Reply) -> ProviderMisconfiguredError:
    return ProviderMisconfiguredError(f"{reason} ({reply.shown})", retry_after=MENDING)
