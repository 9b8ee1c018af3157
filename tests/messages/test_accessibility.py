"""Can every email be read by somebody who hears it, in every language?

Contrast is measured by the browser, in `test_looks.py`.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from messages.render import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.messages.conftest import BuildNotice

LOCALES = Renderer().templates()[Channel.EMAIL]
CASES = [(locale, name) for locale in sorted(LOCALES) for name in sorted(LOCALES[locale])]
HEADING = re.compile(r"h([1-6])")


class Outline(HTMLParser):
    """What a screen reader goes by: language, title, headings, images, links, tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.links: list[list[str]] = []
        self.title = ""
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"a", "title"}:
            self._open.append(tag)
        if tag == "a":
            self.links.append([])

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1:] == [tag]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        match self._open[-1:]:
            case ["a"]:
                self.links[-1].append(data)
            case ["title"]:
                self.title += data
            case _:
                pass

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]

    @property
    def levels(self) -> list[int]:
        found = (HEADING.fullmatch(tag) for tag, _ in self.tags)
        return [int(match[1]) for match in found if match]


def faults(html: str, locale: str) -> Iterator[str]:
    page = Outline(html)
    (root,) = page.all("html")
    if (root.get("lang"), root.get("dir")) != (locale, "ltr"):
        yield f"language and direction are {root.get('lang')} and {root.get('dir')}"
    if not page.title.strip():
        yield "no title"
    if page.levels[:1] != [1] or page.levels.count(1) != 1:
        yield f"headings are {page.levels}: one h1 has to come first"
    if any(after > before + 1 for before, after in zip(page.levels, page.levels[1:], strict=False)):
        yield f"headings are {page.levels}: a level is left out"
    yield from (
        f"image {each.get('src')} has no alt" for each in page.all("img") if not each.get("alt")
    )
    yield from ("a link has no words" for words in page.links if not "".join(words).strip())
    if any(each.get("role") != "presentation" for each in page.all("table")):
        yield "a table for the looks is read out as data"
    if any(
        "maximum-scale" in str(each) or "user-scalable" in str(each) for each in page.all("meta")
    ):
        yield "zooming is forbidden"


@pytest.mark.parametrize(("locale", "template"), CASES)
def test_an_email_can_be_heard(
    locale: str, template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    html = renderer.email(notice(template, locale=locale)).html
    assert list(faults(html, locale)) == []


def test_the_check_finds_what_is_wrong() -> None:
    bad = (
        '<html lang="en"><title> </title><meta name="viewport" content="user-scalable=no">'
        '<table><tr><td><h2>x</h2><h4>y</h4><img src="a.png"><a href="b"><img src="c" alt=""></a>'
    )
    assert list(faults(bad, "en")) == [
        "language and direction are en and None",
        "no title",
        "headings are [2, 4]: one h1 has to come first",
        "headings are [2, 4]: a level is left out",
        "image a.png has no alt",
        "image c has no alt",
        "a link has no words",
        "a table for the looks is read out as data",
        "zooming is forbidden",
    ]
