"""With which words is a customer's stop, start or request for help confirmed?"""

from __future__ import annotations

from dataclasses import dataclass

from dunning.notice import Brand
from dunning.replies import Meaning
from messages.languages import fallback_chain
from messages.reply_meaning import LANGUAGES, answer_words

_TAGS = {language.lower(): language for language in LANGUAGES}
_BY_LANGUAGE = {language.lower().partition("-")[0]: language for language in LANGUAGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyAnswers:
    """One short text for each, in the merchant's name."""

    brand: Brand
    locale: str

    def to(self, meaning: Meaning, *, locale: str | None, heard: str | None) -> str | None:
        """In the customer's language, else that of the words they used; none for what is unclear.

        `heard` is the language of the words that were recognised.
        """
        stop, start, about = answer_words(self._language(locale or heard or self.locale))
        words = {Meaning.STOP: stop, Meaning.START: start, Meaning.HELP: about}.get(meaning)
        if words is None:
            return None
        return words.format(brand=self.brand.name, contact=self.brand.support_email)

    def _language(self, wanted: str) -> str:
        """The first language of the chain that there are words in."""
        chain = fallback_chain(wanted, self.locale)
        found = (_TAGS.get(tag) or _BY_LANGUAGE.get(tag) for tag in chain)
        return next((language for language in found if language), LANGUAGES[0])
