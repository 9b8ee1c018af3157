"""What will customers see? Every template on every channel, written to a folder to look at."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from dunning.channel import Channel
from messages.examples import CURRENCIES, EXAMPLE_BRAND, example_notices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dunning.notice import Brand, Notice
    from messages.render import RenderedEmail, RenderedPush, RenderedText, Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One template filled with one set of example values; a form it lacks is None."""

    template: str
    locale: str
    currency: str
    email: RenderedEmail | None
    text: RenderedText | None
    push: RenderedPush | None

    @property
    def stem(self) -> str:
        """The path of its files below the preview's folder, without the ending."""
        return f"{self.locale}/{self.template}-{self.currency.lower()}"

    @property
    def files(self) -> Mapping[str, str]:
        """What is written, by path."""
        forms: dict[str, str] = {}
        if self.email is not None:
            forms |= {"html": self.email.html, "txt": self.email.text}
        if self.text is not None:
            forms["sms.txt"] = f"{self.text.body}\n"
        if self.push is not None:
            forms["push.txt"] = f"{self.push.title}\n{self.push.body}\n"
        return {f"{self.stem}.{ending}": content for ending, content in forms.items()}


def write_preview(
    renderer: Renderer,
    folder: Path,
    brand: Brand = EXAMPLE_BRAND,
    *,
    locales: Iterable[str] | None = None,
    currencies: Iterable[str] = CURRENCIES,
) -> Path:
    """Write all examples to the folder and return the page that shows them.

    A template that cannot be rendered raises `PolicyError`, as it would at the time of sending.
    """
    chosen = tuple(locales or renderer.templates()[Channel.EMAIL])
    shown = examples(renderer, brand, locales=chosen, currencies=currencies)
    for example in shown:
        _write(example.files, folder)
    source = (files("messages") / "preview_page.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    _write({"index.html": page.render(shown=shown, locales=chosen)}, folder)
    return folder / "index.html"


def examples(
    renderer: Renderer, brand: Brand, *, locales: Iterable[str], currencies: Iterable[str]
) -> list[Example]:
    """All templates of the locales, in every currency and every form they have."""
    there = renderer.templates()
    return [
        _example(renderer, notice, frozenset(c for c in there if name in there[c][locale]))
        for locale in locales
        for name in sorted(frozenset[str]().union(*(there[c][locale] for c in there)))
        for notice in example_notices(name, locale, brand, currencies)
    ]


def _example(renderer: Renderer, notice: Notice, channels: frozenset[Channel]) -> Example:
    return Example(
        template=notice.template,
        locale=notice.locale,
        currency=notice.amount.currency,
        email=renderer.email(notice) if Channel.EMAIL in channels else None,
        text=renderer.text(notice) if Channel.SMS in channels else None,
        push=renderer.push(notice) if Channel.PUSH in channels else None,
    )


def _write(contents: Mapping[str, str], folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
