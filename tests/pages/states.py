"""In which states can a customer find a page, and how does each come about?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from web.portal.words import AssistanceWords, PreferenceWords, PromiseWords, Words

# The languages of the pages, each with a customer's own way to name it.
LOCALES: Mapping[str, str] = {
    "en": "en-US",
    "de": "de-DE",
    "es": "es-MX",
    "fr": "fr-FR",
    "ja": "ja-JP",
    "pt-br": "pt-BR",
}


class Door(Enum):
    """What is behind a link: an invoice, or the choices of its customer."""

    PAY = "pay"
    PREFERENCES = "preferences"


class Place(Enum):
    """Which running product answers: the whole one, or one beside it for an account's language."""

    WHOLE = "whole"
    ACCOUNT = "account"
    WITHOUT_TEMPORAL = "without-temporal"
    WITHOUT_DATABASE = "without-database"
    WORN_OUT = "worn-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state of a page, before it a life of its invoice, or nobody's.

    `pressed` is sent from the page before this one is shown; `shows` is a sentence that only this
    state has, up to the first place that is filled in.
    """

    name: str
    shows: Callable[[Words], str]
    door: Door = Door.PAY
    place: Place = Place.WHOLE
    life: str | None = "registered"
    below: str = ""
    pressed: Mapping[str, str] | None = None
    status: int = 200


def _choosing(
    name: str,
    shows: Callable[[PreferenceWords], str],
    life: str = "registered",
    pressed: Mapping[str, str] | None = None,
    status: int = 200,
) -> State:
    return State(
        name=name,
        shows=lambda words: shows(words.preferences),
        door=Door.PREFERENCES,
        life=life,
        pressed=pressed,
        status=status,
    )


def _asking(
    name: str, shows: Callable[[AssistanceWords], str], message: str, status: int, life: str
) -> State:
    return State(
        name=name,
        shows=lambda words: shows(words.assistance),
        life=life,
        below="/help",
        pressed={"message": message},
        status=status,
    )


def _promising(
    name: str,
    shows: Callable[[PromiseWords], str],
    day: str,
    status: int,
    *,
    life: str = "registered",
    place: Place = Place.WHOLE,
) -> State:
    return State(
        name=name,
        shows=lambda words: shows(words.promise),
        place=place,
        life=life,
        below="/promise",
        pressed={"day": day},
        status=status,
    )


_PAY = (
    State(name="open", shows=lambda words: words.pay),
    State(name="card", shows=lambda words: words.card, life="card"),
    State(name="busy", shows=lambda words: words.busy, life="card-alone", pressed={}, status=503),
    State(name="days", shows=lambda words: words.promise.label, life="failed"),
    _promising("day-missing", lambda words: words.choose, "", 400, life="failed"),
    _promising("day-refused", lambda words: words.refused, "2026-01-01", 409),
    _promising(
        "day-later", lambda words: words.later, "2026-12-01", 503, place=Place.WITHOUT_TEMPORAL
    ),
    _promising("promised-before", lambda words: words.made, "2026-01-01", 409, life="promised"),
    State(name="promised", shows=lambda words: words.promise.made, life="promised"),
    State(name="retrying", shows=lambda words: words.trying, life="retrying"),
    State(name="paid", shows=lambda words: words.paid, life="paid"),
    State(name="void", shows=lambda words: words.void, life="void"),
    State(name="no-address", shows=lambda words: words.no_address, life="addressless"),
    State(name="expired", shows=lambda words: words.expired, life="expired", status=410),
)
_HELP = (
    _asking("asked", lambda words: words.taken, "Please call me.", 200, "asking"),
    _asking("asked-nothing", lambda words: words.empty, "", 400, "registered"),
    _asking("asked-at-length", lambda words: words.long, "Please " * 150, 400, "failed"),
    _asking("asked-often", lambda words: words.many, "Please call me.", 429, "asking-often"),
)
_PREFERENCES = (
    _choosing("preferences", lambda words: words.stop_all),
    _choosing("stopped", lambda words: words.start_email, "stopped"),
    _choosing("stopped-by-reply", lambda words: words.start_reply, "replied"),
    _choosing("unreachable", lambda words: words.unreachable, "unreachable"),
    _choosing("saved", lambda words: words.saved, "choosing", {"stop": "email"}),
    _choosing("not-saved", lambda words: words.not_saved, "registered", {}, 400),
    _choosing("nothing", lambda words: words.nothing, "silent"),
)


def _apology(
    name: str, door: Door, shows: Callable[[Words], str], place: Place, status: int
) -> State:
    return State(
        name=f"{name}-{door.value}", shows=shows, door=door, place=place, life=None, status=status
    )


_APOLOGIES = (
    *(_apology("unknown", door, lambda words: words.unknown, Place.ACCOUNT, 404) for door in Door),
    *(
        _apology("later", door, lambda words: words.later, Place.WITHOUT_DATABASE, 503)
        for door in Door
    ),
    _apology("often", Door.PAY, lambda words: words.often, Place.WORN_OUT, 429),
)
STATES = (*_PAY, *_HELP, *_PREFERENCES, *_APOLOGIES)
