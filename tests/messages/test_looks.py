"""Can every email be read on a narrow phone, by day and by night?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from messages.examples import example_notices
from tests.messages.browser import SCHEMES, Scheme, measure

if TYPE_CHECKING:
    from pathlib import Path

    from dunning.notice import Brand, Notice
    from messages.render import Renderer
    from tests.messages.conftest import BuildNotice

NARROW = 320
BACKGROUNDS = {"light": "rgb(243, 245, 248)", "dark": "rgb(18, 21, 27)"}
# Bright, dark, and the grey on which black and white are equally hard to read.
COLORS = ("#ffd400", "#0b1f4b", "#767676")


def with_long_values(template: str, locale: str, brand: Brand) -> Notice:
    (notice,) = example_notices(template, locale, brand, ["EUR"])
    return notice


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_email_fits_a_narrow_screen_and_can_be_read(
    scheme: Scheme, renderer: Renderer, notice: BuildNotice, tmp_path: Path
) -> None:
    brand = notice("reminder").brand
    emails = {
        f"{locale}/{name}": renderer.email(with_long_values(name, locale, brand)).html
        for locale, names in renderer.templates()[Channel.EMAIL].items()
        for name in names
    }
    for color in COLORS:
        colored = replace(brand, color=color)
        emails[color] = renderer.email(notice("reminder", brand=colored)).html
    measured = measure(emails, tmp_path, width=NARROW, scheme=scheme)
    assert measured.keys() == emails.keys()
    assert {name: each["wide"] for name, each in measured.items() if each["wide"] > NARROW} == {}
    assert {name: each["poor"] for name, each in measured.items() if each["poor"]} == {}
    assert {each["background"] for each in measured.values()} == {BACKGROUNDS[scheme]}
    assert min(each["words"] for each in measured.values()) > len(("greeting", "body", "why"))


def test_the_measure_finds_what_is_wrong(tmp_path: Path) -> None:
    pale = "<body style='background:#fff'><p style='color:#999'>pale</p><p>plain</p>"
    wide = "<body><div style='width:500px'>wide</div><p style='display:none;color:#fff'>x</p>"
    measured = measure({"pale": pale, "wide": wide}, tmp_path, width=NARROW, scheme="light")
    cut = "<body><div style='overflow:hidden'><p style='white-space:nowrap'>" + "cut " * 90
    measured |= measure({"cut": cut}, tmp_path, width=NARROW, scheme="light")
    assert [len(measured[name]["poor"]) for name in ("pale", "wide")] == [1, 0]
    assert measured["pale"]["poor"][0].startswith("pale: 153,153,153,1 on 255,255,255,1, 2.8")
    assert [measured[name]["wide"] > NARROW for name in ("pale", "wide", "cut")] == [
        False,
        True,
        True,
    ]
