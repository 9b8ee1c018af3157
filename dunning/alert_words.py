"""With which words is the team told? What happened, to what, and what to do about it."""

from __future__ import annotations

import shlex
from datetime import UTC
from typing import TYPE_CHECKING

from dunning.alert import Alert, AlertKind, Bundle
from dunning.alert_sentences import EACH, MANY, TITLES, WHAT_TO_DO
from dunning.money import Money
from dunning.ports import TeamMessage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_LONGEST_NAME = 60
_LONGEST_REASON = 400
_GRAVE = frozenset({AlertKind.CREDENTIALS, AlertKind.CASE_WITHOUT_RUN, AlertKind.PAID_AFTER_CLOSE})
_GOOD = frozenset({AlertKind.CREDENTIALS_MENDED, AlertKind.DIRECTORY_BACK})
_REVIEW = {
    "manual_review": "the recovery service asks for a person",
    "blocked": "the recovery service blocked the payment",
    "amount_differs": "another amount was received than the one that is owed",
    "no_campaign": "no campaign of the policy fits",
    "campaign_over": "the campaign is over and nothing was paid",
    "watch_over": "the recovery brought no result in time",
    "retry_over": "the new card brought no result in time",
    "unreachable": "no channel to the customer is left",
    "charge_refused": "the card could not be charged",
}
_CHANNELS = {"email": "Emails", "sms": "Texts", "push": "Notifications", "revtain": "Charges"}
_WAITING = {"revtain": "`dunning case list --state retrying` shows whose."}
_CHANNEL_WAITS = "`dunning channel list` shows since when they wait."


def words(bundle: Bundle) -> TeamMessage:
    """One alert in full, several in one sentence with the first of them by name."""
    kind = bundle.kind
    if bundle.total == 1:
        fields = _fields(bundle.first[0])
        title, body = TITLES[kind].format_map(fields), EACH[kind].format_map(fields)
    else:
        title = f"{bundle.total} more {MANY[kind]}"
        body = f"{title} since {_clock(bundle.since)}: {_names(bundle)}. {WHAT_TO_DO[kind]}"
    return TeamMessage(
        title=title,
        body=body,
        grave=kind in _GRAVE and bundle.total == 1,
        good=kind in _GOOD,
    )


def trial() -> TeamMessage:
    """What a test of the targets says."""
    return TeamMessage(
        title="A test of the alerts",
        body="Alerts of dunning arrive here. Nothing has happened, and nothing is to be done.",
        good=True,
    )


def _fields(alert: Alert) -> dict[str, str]:
    detail = alert.detail
    invoice = detail.get("invoice")
    return {
        "subject": _shown(alert.subject),
        "argument": shlex.quote(_printable(alert.subject)),
        "waiting": _WAITING.get(alert.subject, _CHANNEL_WAITS),
        "channel": _CHANNELS.get(alert.subject, _shown(alert.subject)),
        "about": f" to a message about invoice {_shown(invoice)}" if invoice else "",
        "why": _why(detail),
        "figures": _compared(detail) or "not all of it was for this invoice",
        "begins": "needs a decision" if detail.get("round", "1") == "1" else "still waits for one",
        "reason": _shown(detail.get("reason", ""), _LONGEST_REASON),
        "outcome": _shown(detail.get("outcome", "closed")).replace("_", " "),
        "code": _shown(detail.get("code", "")),
        "step": _shown(detail.get("step", "")),
        "name": _shown(detail.get("name", "")),
        "source": _shown(detail.get("source", "")),
        "endpoint": _shown(detail.get("endpoint", "")),
        "directory": _shown(detail.get("directory", "")),
        "other": _shown(detail.get("other", "")),
    }


def _why(detail: Mapping[str, str]) -> str:
    why = _REVIEW.get(detail.get("reason", ""), "a person must decide")
    compared = _compared(detail)
    return f"{why} ({compared})" if compared else why


def _compared(detail: Mapping[str, str]) -> str:
    """Both figures of money that does not match; empty where there are none."""
    for name, words in (("owed", "owed"), ("counted", "counted as")):
        if {name, "received"} <= detail.keys():
            return f"received {_figures(detail['received'])}, {words} {_figures(detail[name])}"
    return ""


def _figures(sums: str) -> str:
    """`2000 USD, 1800 EUR`, in minor units, as people read it."""
    parts = (part.split() for part in sums.split(", "))
    return " and ".join(Money(minor=int(minor), currency=code).figure for minor, code in parts)


def _names(bundle: Bundle) -> str:
    """Where the subject is only a number, the invoice says more."""
    named = [_shown(alert.detail.get("invoice", alert.subject)) for alert in bundle.first]
    others = bundle.total - len(named)
    if others:
        return f"{', '.join(named)} and {others} {'other' if others == 1 else 'others'}"
    return ", ".join(named)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%b %d %H:%M} UTC"


def _shown(value: str, longest: int = _LONGEST_NAME) -> str:
    """A name as it may stand in a line of text, whoever chose it."""
    clean = _printable(value)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def _printable(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)
