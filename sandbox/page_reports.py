"""How does the page say what became of a message?"""

from collections.abc import Sequence
from html import escape

_ON_THE_WAY = {
    "accepted": "accepted",
    "processed": "accepted",
    "queued": "queued",
    "sending": "sending",
    "sent": "sent",
    "deferred": "delayed",
}
_WORDS = {
    "bounce": "bounced",
    "open": "opened",
    "click": "clicked",
    "spamreport": "reported as spam",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed again",
}
_TROUBLE = {
    *("bounce", "blocked", "dropped", "undelivered", "failed"),
    *("spamreport", "unsubscribe", "group_unsubscribe"),
}


def shown(reports: Sequence[str]) -> str:
    """All that the vendor knows; of the way there only the last step, and only while on it."""
    ended = [each for each in dict.fromkeys(reports) if each not in _ON_THE_WAY]
    return "".join(f" · {_mark(each)}" for each in ended or reports[-1:])


def trouble(reports: Sequence[str]) -> str:
    """Only what went wrong, last."""
    bad = [each for each in reports if _is_bad(each)]
    return f"{_mark(bad[-1])} " if bad else ""


def _mark(report: str) -> str:
    kind, _, code = report.partition(" ")
    word = _ON_THE_WAY.get(kind, _WORDS.get(kind, kind))
    words = f"{word} ({code})" if code else word
    tone = "bad" if _is_bad(report) else "going" if kind in _ON_THE_WAY else "good"
    return f'<span class="fate {tone}">{escape(words)}</span>'


def _is_bad(report: str) -> bool:
    return report.partition(" ")[0] in _TROUBLE
