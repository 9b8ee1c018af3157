"""Is the logo shown undistorted, and its name where pictures are not shown?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.messages.browser import SCHEMES, Scheme, measure

if TYPE_CHECKING:
    from pathlib import Path

    from messages.render import Renderer
    from tests.messages.conftest import BuildNotice

STYLES = re.compile(r"<style.*?</style>", re.DOTALL)
PICTURE = re.compile(r'<img ([^>]*?)alt="([^"]*)"([^>]*)>')
SIZE = re.compile(r"[ ;\"](width|height)(?:: |=\")([^;\"]+)")


def in_words(html: str) -> str:
    """Every picture as the words that stand for it, with the looks of the picture."""
    return PICTURE.sub(r"<b \1\3>\2</b>", html).replace(".logo img", ".logo b")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_name_stands_out_in_place_of_the_logo(
    scheme: Scheme, renderer: Renderer, notice: BuildNotice, tmp_path: Path
) -> None:
    """Also in a mail client that drops style blocks."""
    html = renderer.email(notice("reminder")).html
    blocked = in_words(html)
    emails = {"shown": html, "blocked": blocked, "bare": STYLES.sub("", blocked)}
    measured = measure(emails, tmp_path, width=600, scheme=scheme)
    assert measured["blocked"]["words"] == measured["shown"]["words"] + 1
    assert (measured["blocked"]["poor"], measured["bare"]["poor"]) == ([], [])


def test_a_logo_of_any_shape_keeps_it(renderer: Renderer, notice: BuildNotice) -> None:
    """As high as the line; how wide follows from that, in Outlook too, which reads attributes."""
    (logo,) = PICTURE.finditer(renderer.email(notice("reminder")).html)
    assert sorted(SIZE.findall(logo[0])) == [
        ("height", "36"),
        ("height", "36px"),
        ("width", "auto"),
    ]
