"""What do the pages of customers say in each language?"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from messages.languages import fallback_chain

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_ENGLISH = "en"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceWords:
    """The texts of the page at which customers choose what they receive."""

    title: str
    intro: str
    email: str
    sms: str
    push: str
    devices: str
    on: str
    off: str
    unreachable: str
    stop_email: str
    stop_sms: str
    stop_push: str
    stop_all: str
    start_email: str
    start_sms: str
    start_push: str
    start_reply: str
    saved: str
    not_saved: str
    nothing: str
    stays_open: str
    essential: str
    help: str
    stopped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseWords:
    """What is said of the day on which a customer will pay; `{day}` is filled in by the page."""

    label: str
    button: str
    made: str
    choose: str
    refused: str
    later: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistanceWords:
    """What is said around the form in which a customer asks for help."""

    summary: str
    label: str
    hint: str
    button: str
    taken: str
    empty: str
    long: str
    many: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All texts of the pay page. `{brand}`, `{host}` and `{email}` are filled in by the page."""

    title: str
    heading: str
    amount: str
    purpose: str
    invoice: str
    pay: str
    leads_to: str
    card: str
    card_leads_to: str
    help: str
    no_address: str
    how_to_pay: str
    paid: str
    paid_more: str
    void: str
    void_more: str
    trying: str
    trying_more: str
    expired: str
    expired_more: str
    busy: str
    busy_more: str
    often: str
    often_more: str
    unknown: str
    unknown_more: str
    later: str
    later_more: str
    stop: str
    preferences: PreferenceWords
    promise: PromiseWords
    assistance: AssistanceWords


def words_for(tag: str, default: str) -> tuple[str, Words]:
    """The best language there is for a customer, and its words."""
    known = languages()
    chain = fallback_chain(tag, default)
    language = next((found for tag in chain if (found := _spoken(tag, known))), _ENGLISH)
    return language, known[language]


def _spoken(tag: str, known: Collection[str]) -> str | None:
    """The language itself, or that of its only region: pt is answered by pt-br."""
    if tag in known:
        return tag
    regional = [name for name in known if name.startswith(f"{tag}-")]
    return regional[0] if len(regional) == 1 else None


@cache
def languages() -> dict[str, Words]:
    """Every language that the pages speak, read once; each has all the words."""
    folder = resources.files("web.portal").joinpath("languages")
    files = [file for file in folder.iterdir() if file.name.endswith(_SUFFIX)]
    return {file.name.removesuffix(_SUFFIX): _read(file) for file in files}


def _read(file: Traversable) -> Words:
    found = tomllib.loads(file.read_text("utf-8"))
    preferences = PreferenceWords(**found.pop("preferences"))
    promise = PromiseWords(**found.pop("promise"))
    assistance = AssistanceWords(**found.pop("assistance"))
    return Words(preferences=preferences, promise=promise, assistance=assistance, **found)
