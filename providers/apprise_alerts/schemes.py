"""Does an Apprise URL lead to a mailbox, to a phone as a text, or to something else?"""

from __future__ import annotations

import re

from dunning.alert import NotificationChannel

# https://github.com/caronc/apprise/wiki
# fmt: off
_EMAIL = frozenset((
    "azure", "brevo", "deltachat", "deltachats", "groundmail", "lauther", "mailersend", "mailgun",
    "mailto", "mailtos", "o365", "postmark", "resend", "sendgrid", "sendpulse", "ses", "smtp2go",
    "sparkpost",
))
_SMS = frozenset((
    "46elks", "atalk", "bulksms", "bulkvs", "burstsms", "clickatell", "clicksend", "cm", "d7sms",
    "eight00com", "elks", "exotel", "freemobile", "httpsms", "infobip", "kaleyra", "kavenegar",
    "klr", "kudosity", "mobilemessage", "mobilemsg", "msg91", "msgbird", "nexmo", "notifyre",
    "octopush", "plivo", "ringc", "serwersms", "seven", "sfr", "sinch", "smsc", "smseagle",
    "smseagles", "smsmanager", "smsmgr", "smstunnel", "sns", "telesign", "telnyx", "twilio",
    "voipms", "vonage",
))
# fmt: on
_URL = re.compile(r"([a-z0-9]{1,20})://", re.IGNORECASE | re.ASCII)
# A comma may belong to a URL; it does not when another URL begins behind it.
_BETWEEN = re.compile(r"[\s,]+(?=[a-z0-9]{1,20}://)", re.IGNORECASE | re.ASCII)


def scheme(url: str) -> str | None:
    """What a URL begins with; None when that is no URL."""
    found = _URL.match(url)
    return found[1].lower() if found else None


def channel(name: str) -> NotificationChannel:
    """The way to the team that a scheme stands for; all that is neither email nor text is one."""
    if name in _EMAIL:
        return NotificationChannel.EMAIL
    return NotificationChannel.SMS if name in _SMS else NotificationChannel.WEBHOOK


def split(value: str) -> tuple[str, ...]:
    """The URLs of a list that is separated by commas or white space."""
    return tuple(_BETWEEN.split(value.strip(" \t\r\n,")))
