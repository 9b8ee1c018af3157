"""What does a customer mean who answers a text: stop, start, help, or something for a person?

A word alone counts as Twilio counts it; in free text only whole phrases count, and none that is
denied or asked about. What is not clear means nothing here, so that a person reads it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST = 1600
# Between a word that denies and what it denies stand a few words at most: "I did not say stop".
_DENIAL_REACH = 3
_ACCENTS = range(0x300, 0x370)
_MARKS = str.maketrans("", "", "'\u2019\u2018`\u00b4\u02bc\u200b\u200c\u200d\u2060\ufeff\u00ad")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_CLAUSE_ENDS = re.compile(r"[.,;!?\n\r\u2026\u2014\u3001\u3002]+")
_NO_WORD = re.compile(r"[\W_]+")
_LETTERS = re.compile(r"[a-z0-9]+")
_FEWEST_SPELLED = 3

Correction = Callable[[str], str]


class Meaning(StrEnum):
    """What a reply asks for. Values are wire names and never change."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    OTHER = "other"


class ReplyChannel(StrEnum):
    """Over what a customer answers: a channel of ours, or the page behind the link."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A reply as understood; `language` is of the words that were recognised.

    `affirms` is a bare yes: a start from whoever opted out, and nothing clear from anybody else.
    """

    meaning: Meaning = Meaning.OTHER
    language: str | None = None
    affirms: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """How a language says stop in free text.

    A phrase is words with alternatives (`a|b`) and words that may be missing (`[a|b]`).
    """

    says: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The word lists of one language.

    `stop` and `ends` are stops when they are the whole reply, `stop` also as a sentence of it.
    `courtesy` is what may stand around a word, `real` what only looks like a misspelt one.
    """

    language: str
    stop: tuple[str, ...]
    ends: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    courtesy: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    phrases: Phrases = field(default_factory=Phrases)
    spaced: bool = True


class Lexicon:
    """All languages at once: a customer may answer in any, whatever theirs is said to be."""

    def __init__(self, languages: Sequence[Words]) -> None:
        self._voices = tuple(_Voice(words) for words in languages)

    @property
    def clear_words(self) -> frozenset[str]:
        """Words that mean stop by themselves, for whoever corrects misspellings."""
        return frozenset(word for voice in self._voices for word in voice.clear if " " not in word)

    @property
    def phrase_words(self) -> frozenset[str]:
        """Words of the phrases that mean stop."""
        return frozenset(word for voice in self._voices for word in voice.vocabulary)

    @property
    def real_words(self) -> frozenset[str]:
        """Words that are no misspelling of anything."""
        return frozenset(word for voice in self._voices for word in voice.real)

    def read(self, text: str, correct: Correction = str) -> Reading:
        """What the text means. `correct` gives the known word that a misspelt one stands for."""
        clauses = _clauses(text[:LONGEST])
        whole = " ".join(clauses)
        alone = self._alone(whole)
        if alone is not None:
            return alone
        corrected = [_corrected(clause, correct) for clause in clauses]
        for voice in self._voices:
            if voice.says_stop(corrected, asked=text.rstrip().endswith(("?", "\uff1f"))):
                return Reading(meaning=Meaning.STOP, language=voice.language)
        return Reading()

    def _alone(self, whole: str) -> Reading | None:
        """The reply as one word of a list, with nothing but courtesy around it."""
        found = (voice.alone(whole) for voice in self._voices if whole)
        return next((reading for reading in found if reading is not None), None)


class _Voice:
    """The lists of one language, ready to be compared with."""

    def __init__(self, words: Words) -> None:
        self.language = words.language
        self.clear = _plain_all(words.stop)
        self.real = _plain_all(words.real)
        self._spaced = words.spaced
        self._stops = self.clear | _plain_all(words.ends)
        self._starts = _plain_all(words.start)
        self._helps = _plain_all(words.help)
        self._yes = _plain_all(words.yes)
        self._courtesy = _plain_all(words.courtesy)
        self._denials = _plain_all(words.phrases.denies)
        self._unlike = _pattern(words.phrases.unlike, spaced=words.spaced)
        self._says = _pattern(words.phrases.says, spaced=words.spaced)
        self.vocabulary = _vocabulary(words.phrases.says) if words.spaced else frozenset[str]()

    def alone(self, whole: str) -> Reading | None:
        said = self._bare(whole)
        lists = (
            (self._stops, Reading(meaning=Meaning.STOP, language=self.language)),
            (self._starts, Reading(meaning=Meaning.START, language=self.language)),
            (self._helps, Reading(meaning=Meaning.HELP, language=self.language)),
            (self._yes, Reading(language=self.language, affirms=True)),
        )
        return next((reading for words, reading in lists if {whole, said} & words), None)

    def says_stop(self, clauses: Sequence[str], *, asked: bool) -> bool:
        last = len(clauses) - 1
        return any(
            self._phrase(clause) or (self._bare(clause) in self.clear and not (asked and n == last))
            for n, clause in enumerate(clauses)
        )

    def _phrase(self, clause: str) -> bool:
        said = clause if self._spaced else clause.replace(" ", "")
        said = self._unlike.sub(" ", said)
        return any(not self._denied(said[: found.start()]) for found in self._says.finditer(said))

    def _denied(self, before: str) -> bool:
        return bool(self._denials.intersection(before.split()[-_DENIAL_REACH:]))

    def _bare(self, clause: str) -> str:
        words = [word for word in clause.split() if word not in self._courtesy]
        return " ".join(dict.fromkeys(words) if len(set(words)) == 1 else words)


def _clauses(text: str) -> list[str]:
    found = (_plain(part) for part in _CLAUSE_ENDS.split(unicodedata.normalize("NFKC", text)))
    clauses = [clause for clause in found if clause]
    letters = "".join(clauses).replace(" ", "")
    spelled = all(len(word) == 1 for clause in clauses for word in clause.split())
    if spelled and len(letters) >= _FEWEST_SPELLED and _LETTERS.fullmatch(letters):
        return [letters]
    return clauses


def _plain(text: str) -> str:
    """Words without case, accents, punctuation, emoji, or letters that were held down."""
    folded = unicodedata.normalize("NFKC", text).translate(_MARKS).casefold()
    apart = unicodedata.normalize("NFD", folded)
    bare = "".join(letter for letter in apart if ord(letter) not in _ACCENTS)
    composed = unicodedata.normalize("NFC", bare)
    return " ".join(_NO_WORD.sub(" ", _STRETCHED.sub(r"\1", composed)).split())


def _plain_all(words: Iterable[str]) -> frozenset[str]:
    return frozenset(_plain(word) for word in words)


def _corrected(clause: str, correct: Correction) -> str:
    return " ".join(correct(word) for word in clause.split())


def _vocabulary(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(
        _plain(choice)
        for phrase in phrases
        for token in phrase.split()
        for choice in token.strip("[]").split("|")
    )


def _pattern(phrases: Sequence[str], *, spaced: bool) -> re.Pattern[str]:
    """All phrases as one expression; one that never matches for none."""
    if not phrases:
        return re.compile(r"(?!)")
    if not spaced:
        return re.compile("|".join(re.escape(_plain(phrase)) for phrase in phrases))
    return re.compile("|".join(rf"(?<!\S){_sequence(phrase)}(?!\S)" for phrase in phrases))


def _sequence(phrase: str) -> str:
    parts: list[str] = []
    for token in phrase.split():
        choices = "|".join(re.escape(_plain(choice)) for choice in token.strip("[]").split("|"))
        gap = r"\s" if parts else ""
        parts.append(f"(?:{gap}(?:{choices}))?" if token[0] == "[" else f"{gap}(?:{choices})")
    return "".join(parts)
