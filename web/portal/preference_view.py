"""What does a customer see who wants to choose what to receive?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import HTMLResponse, PlainTextResponse

from dunning.directory import Contact
from web.portal.choices import Choice, Standing
from web.portal.frame import Apology, Frame
from web.portal.words import PreferenceWords

_TEMPLATE = "preferences.html"
_ALL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One way to the customer; `name` and `value` are what its button sends."""

    key: str
    title: str
    shown: str
    state: str
    hint: str | None
    button: str | None
    name: str
    value: str


class PreferenceView:
    """Draws the page of one customer's choices."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def page(
        self,
        contact: Contact,
        found: Sequence[Choice],
        *,
        saved: bool | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """The choices as they stand now; `saved` says what became of one that was just made."""
        speech = self._frame.speech(contact.locale)
        words = speech.words.preferences
        note = {True: words.saved, False: words.not_saved, None: None}[saved]
        heading = self._branded(words.title)
        content = {
            "title": f"{note} {heading}" if note else heading,
            "heading": heading,
            "note": note,
            "text": self._branded(words.intro) if found else words.nothing,
            "rows": [_row(choice, words) for choice in found],
            "stop_all": words.stop_all if _several_on(found) else None,
            "after": _after(found, words),
            "help": words.help,
            "subject": None,
        }
        return self._frame.draw(_TEMPLATE, speech, content, status=status)

    def stopped(self, contact: Contact) -> PlainTextResponse:
        """What a mail program is told; people hardly ever see it."""
        words = self._frame.speech(contact.locale).words.preferences
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse(f"{self._branded(words.stopped)}\n", headers=headers)

    def apology(self, why: Apology) -> HTMLResponse:
        """A page that knows no customer."""
        speech = self._frame.speech()
        words = speech.words
        unknown = why is Apology.UNKNOWN
        content = {
            "title": self._branded(words.preferences.title),
            "heading": words.unknown if unknown else words.later,
            "note": None,
            "text": words.unknown_more if unknown else words.later_more,
            "rows": (),
            "stop_all": None,
            "after": (),
            "help": words.preferences.help,
            "subject": None,
        }
        return self._frame.draw(_TEMPLATE, speech, content, status=why.value)

    def _branded(self, sentence: str) -> str:
        return sentence.replace("{brand}", self._frame.brand.name)


def _several_on(found: Sequence[Choice]) -> bool:
    return sum(choice.standing is Standing.ON for choice in found) >= _ALL


def _after(found: Sequence[Choice], words: PreferenceWords) -> tuple[str, ...]:
    """What a choice does not do."""
    some_off = any(choice.standing is Standing.OFF for choice in found)
    return (words.stays_open, words.essential) if some_off else (words.essential,)


def _row(choice: Choice, words: PreferenceWords) -> _Row:
    key = choice.channel.value
    titles = {"email": words.email, "sms": words.sms, "push": words.push}
    states = {
        Standing.ON: words.on,
        Standing.OFF: words.off,
        Standing.UNREACHABLE: words.unreachable,
    }
    name = "stop" if choice.standing is Standing.ON else "start"
    off = choice.standing is Standing.OFF
    return _Row(
        key=key,
        title=titles[key],
        shown=choice.shown or words.devices,
        state=states[choice.standing],
        hint=words.start_reply if off and choice.replied else None,
        button=None if choice.standing is Standing.UNREACHABLE else _buttons(words)[name, key],
        name=name,
        value=key,
    )


def _buttons(words: PreferenceWords) -> Mapping[tuple[str, str], str]:
    return {
        ("stop", "email"): words.stop_email,
        ("stop", "sms"): words.stop_sms,
        ("stop", "push"): words.stop_push,
        ("start", "email"): words.start_email,
        ("start", "sms"): words.start_sms,
        ("start", "push"): words.start_push,
    }
