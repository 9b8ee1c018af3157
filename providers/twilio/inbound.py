"""What did a customer text to our Twilio number, has Twilio answered it, and how do we answer?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from dunning.errors import UnreadableBodyError
from dunning.inbound_text import InboundText
from dunning.replies import Meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/xml"

_SID = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_NUMBER = re.compile(r"(?:[a-z]+:)?\+?[0-9]{3,15}", re.ASCII)
# Answered by Twilio itself when they are the whole text, unless the account does without that.
_STOPS = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
_KEYWORDS = frozenset((*_STOPS, "START", "YES", "UNSTOP", "HELP", "INFO"))
_ADVANCED = {"STOP": Meaning.STOP, "START": Meaning.START, "HELP": Meaning.HELP}
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class TwilioTexts:
    """Reads Twilio's form of an incoming text, and writes the document that it answers with."""

    media_type = MEDIA_TYPE

    def __init__(self, *, keywords_answered: bool) -> None:
        self._keywords_answered = keywords_answered

    def read(self, form: Mapping[str, str]) -> InboundText:
        """Raise `UnreadableBodyError` for a form without a message's id or sender."""
        sid, sender = form.get("MessageSid", ""), form.get("From", "").strip()
        if not _SID.fullmatch(sid) or not _NUMBER.fullmatch(sender):
            raise UnreadableBodyError("the form names no MessageSid, or no number it is From")
        body = form.get("Body", "")
        # Only Advanced Opt-Out sends it, after it has answered; its keywords may be anybody's own.
        told = _ADVANCED.get(form.get("OptOutType", "").upper())
        keyword = self._keywords_answered and body.strip().upper() in _KEYWORDS
        return InboundText(
            vendor_id=sid, sender=sender, body=body, told=told, answered=bool(told) or keyword
        )

    def write(self, words: str | None) -> bytes:
        """The answer: one text, or none."""
        if words is None:
            return _document("")
        return _document(f"<Message>{escape(_NO_XML.sub('', words))}</Message>")


def _document(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{content}</Response>'.encode()
