"""What is wrong in a message as the customer would get it?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.errors import PolicyError
from dunning.finding import Code, Finding
from messages.examples import example_notices
from messages.parameters import clean_brand
from messages.segments import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.notice import Brand, Notice
    from messages.render import Renderer
    from messages.segments import Flip

# A full notice, and one without anything optional.
_CURRENCIES = ("USD", "JPY")
# A longer name spoils every subject and text, and is told once: as `brand_name`.
_LONGEST_BRAND = 20
# What a phone shows in its list of emails, twice over.
_LONGEST_SUBJECT = 60
# Twilio advises to keep a text below 320 characters; each segment is paid for like a text.
_MOST_SEGMENTS = 2
# Languages that the alphabet of GSM 03.38 was made for. Others need UCS-2, and that is no mistake.
_GSM_LANGUAGES = frozenset(
    {"da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "nn", "no", "pt", "sv"}
)
# The keywords that Twilio and the carriers act upon, with those of Canada's French.
_STOPPING = re.compile(
    r"(?<![A-Za-zÀ-ÿ])(STOP|STOPALL|UNSUBSCRIBE|CANCEL|END|QUIT|ARRET|ARRÊT)(?![A-Za-zÀ-ÿ])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One template of one language, for one channel."""

    channel: Channel
    template: str
    locale: str


def forms(
    form: Form, renderer: Renderer, brand: Brand, *, link: str, file: str
) -> Iterator[Finding]:
    """What is found when it is filled with a full and with a scarce notice."""
    short = replace(brand, name=clean_brand(brand).name[:_LONGEST_BRAND].strip())
    for notice in example_notices(form.template, form.locale, short, _CURRENCIES):
        try:
            found = tuple(_rendered(form.channel, renderer, replace(notice, pay_url=link), file))
        except PolicyError as fault:
            yield from (_fails(problem, file) for problem in fault.problems)
            return
        yield from found


def _rendered(channel: Channel, renderer: Renderer, notice: Notice, file: str) -> Iterator[Finding]:
    match channel:
        case Channel.EMAIL:
            yield from _subject(renderer.email(notice).subject, file)
        case Channel.SMS:
            yield from _text(renderer.text(notice).body, notice, file)
        case Channel.PUSH:
            renderer.push(notice)


def _fails(told: str, file: str) -> Finding:
    """A fault of the renderer: its place, what is wrong, and the fix after the last semicolon."""
    place, _, sentence = told.partition(": ")
    problem, _, fix = sentence.rpartition("; ")
    path, _, line = place.rpartition(", line ")
    return Finding(
        code=Code.TEMPLATE_FAILS,
        path=f"{path}:{line}" if path else file,
        problem=problem or sentence,
        fix=f"{fix[:1].upper()}{fix[1:]}.",
    )


def _subject(subject: str, file: str) -> Iterator[Finding]:
    if len(subject) > _LONGEST_SUBJECT:
        yield Finding(
            code=Code.SUBJECT_TOO_LONG,
            path=file,
            problem=f"the subject has {len(subject)} characters, and mail programs cut it off",
            fix=f"Write {_LONGEST_SUBJECT} or less, with a brand of {_LONGEST_BRAND}.",
        )


def _text(body: str, notice: Notice, file: str) -> Iterator[Finding]:
    measured = measure(body)
    if measured.flips and notice.locale.replace("_", "-").partition("-")[0] in _GSM_LANGUAGES:
        yield _not_gsm7(measured.flips, notice.brand.name, file)
    elif measured.segments > _MOST_SEGMENTS:
        yield Finding(
            code=Code.TEXT_TOO_LONG,
            path=file,
            problem=f"the text takes {measured.segments} segments, each of which is paid for",
            fix=f"Shorten it to {_MOST_SEGMENTS} segments or less.",
        )
    if notice.brand.name not in body:
        yield Finding(
            code=Code.TEXT_WITHOUT_BRAND,
            path=file,
            problem="the text does not say who writes",
            fix="Begin it with {{ brand.name }}.",
        )
    if not _STOPPING.search(body):
        yield Finding(
            code=Code.TEXT_WITHOUT_OPT_OUT,
            path=file,
            problem="the text does not say how to stop such texts",
            fix='End it with words such as "Reply STOP to opt out".',
        )


def _not_gsm7(flips: tuple[Flip, ...], brand: str, file: str) -> Finding:
    """The characters to blame; those of the brand's name are mended in the policy."""
    own = [flip for flip in flips if flip.character not in brand]
    blamed = own or flips
    told = ", ".join(f"`{flip.character}`" for flip in blamed)
    plain = [f"`{flip.plain}` for `{flip.character}`" for flip in blamed if flip.plain]
    return Finding(
        code=Code.TEXT_NOT_GSM7,
        path=file if own else "brand.name",
        problem=f"{told} {'is' if len(blamed) == 1 else 'are'} outside the alphabet of texts, so a "
        "text has room for 70 characters instead of 160",
        fix=f"Write {', '.join(plain)}." if plain else "Leave it out, or write a plain letter.",
    )
