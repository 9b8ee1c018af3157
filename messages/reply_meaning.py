"""What does this reply mean, in any of our languages and with small misspellings?"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz import process
from rapidfuzz.distance import OSA

from dunning.replies import Lexicon, Phrases, Reading, Words

if TYPE_CHECKING:
    from collections.abc import Collection

LANGUAGES = ("en", "de", "fr", "es", "pt-BR", "ja")
_SHORTEST = 3
# So long a word of a phrase must be before another may be taken for it.
_SHORTEST_OF_PHRASE = 6
# From this length on two mistakes are allowed.
_LONG = 9


class _Answers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    stop: str
    start: str
    help: str


class _File(BaseModel):
    """One language's file as it lies in `replies/`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spaced: bool = True
    stop: tuple[str, ...]
    ends: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    courtesy: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    phrases: Phrases = Field(default_factory=Phrases)
    answers: _Answers

    def words(self, language: str) -> Words:
        """The lists of a language."""
        lists = {name: getattr(self, name) for name in _File.model_fields if name != "answers"}
        return Words(language=language, **lists)


@dataclass(frozen=True, slots=True)
class Corrector:
    """Gives the known word that a misspelt one stands for; any other word stays as it is."""

    clear: Collection[str]
    of_phrases: Collection[str]
    known: frozenset[str]

    def __call__(self, word: str) -> str:
        """One mistake is allowed, two in a long word, none in the first letter."""
        if len(word) < _SHORTEST or word in self.known:
            return word
        return _nearest(word, self.clear) or _nearest(word, self.of_phrases) or word


def read_reply(text: str) -> Reading:
    """What a reply means; what is not clear is `other`."""
    lexicon, corrector = _lexicon()
    return lexicon.read(text, corrector)


def answer_words(language: str) -> tuple[str, str, str]:
    """How a stop, a start and a request for help are answered, with places for names."""
    answers = _file(language).answers
    return answers.stop, answers.start, answers.help


@cache
def _file(language: str) -> _File:
    content = (files("messages") / "replies" / f"{language}.toml").read_text(encoding="utf-8")
    return _File.model_validate(tomllib.loads(content))


@cache
def _lexicon() -> tuple[Lexicon, Corrector]:
    lexicon = Lexicon([_file(language).words(language) for language in LANGUAGES])
    vocabulary = lexicon.phrase_words
    corrector = Corrector(
        clear=[word for word in lexicon.clear_words if len(word) > _SHORTEST],
        of_phrases=[word for word in vocabulary if len(word) >= _SHORTEST_OF_PHRASE],
        known=lexicon.real_words | lexicon.clear_words | vocabulary,
    )
    return lexicon, corrector


def _nearest(word: str, among: Collection[str]) -> str | None:
    alike = [other for other in among if other[0] == word[0]]
    found = process.extractOne(word, alike, scorer=OSA.distance, score_cutoff=_mistakes(word))
    return None if found is None else str(found[0])


def _mistakes(word: str) -> int:
    return 2 if len(word) >= _LONG else 1
