"""Which language does a customer get when theirs has no template?"""

from __future__ import annotations

from babel import Locale, UnknownLocaleError


def fallback_chain(tag: str, default: str) -> tuple[str, ...]:
    """From the most particular tag to the default: en-GB, en; zh-Hant-TW, zh-Hant, zh, en.

    Tags come out in lower case with hyphens, each once.
    """
    return tuple(dict.fromkeys((*_widening(tag), *_widening(default))))


def parts_chain(chain: tuple[str, ...], home: str, default: str) -> tuple[str, ...]:
    """Where the shared parts of a template come from: its own language, then the default.

    A template that is missing in German is sent in English, with the English footer.
    """
    language = _language(home)
    own = tuple(tag for tag in chain if _language(tag) == language)
    return tuple(dict.fromkeys((*own, *_widening(default))))


def writing_locale(wanted: str, written: str) -> Locale:
    """The locale for amounts and days in a message whose words are in `written`.

    The customer's own habits (en-GB) hold when the language is theirs; a German customer who
    gets English words gets English amounts as well.
    """
    words = _parse(written) or Locale("en")
    own = _parse(wanted)
    return own if own is not None and own.language == words.language else words


def language_tag(locale: Locale) -> str:
    """The tag for a `lang` attribute: en-GB."""
    return str(locale).replace("_", "-")


def _widening(tag: str) -> list[str]:
    parts = tag.strip().replace("_", "-").lower().split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _language(tag: str) -> str:
    return tag.partition("-")[0]


def _parse(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.strip().replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return None
