"""Can a merchant look at every message before anyone gets one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.channel import Channel
from messages.preview import write_preview

if TYPE_CHECKING:
    from pathlib import Path

    from messages.render import Renderer


def test_every_form_of_every_template_is_written(renderer: Renderer, tmp_path: Path) -> None:
    index = write_preview(renderer, tmp_path / "new" / "folder", locales=["en"])
    page = index.read_text(encoding="utf-8")
    written = {path.relative_to(index.parent).as_posix() for path in index.parent.rglob("*.*")}
    named = {c: names["en"] for c, names in renderer.templates().items()}
    forms = written - {"index.html"}
    each = 2 * len(named[Channel.EMAIL]) + len(named[Channel.SMS]) + len(named[Channel.PUSH])
    assert len(forms) == 4 * each
    assert {path for path in forms if f'href="{path}"' in page} == forms
    assert page.count("1 segment, gsm-7") == 4 * len(named[Channel.SMS])
    assert {"en/final_notice-jpy.html", "en/several-brl.push.txt"} <= forms


def test_languages_and_currencies_can_be_chosen(renderer: Renderer, tmp_path: Path) -> None:
    index = write_preview(renderer, tmp_path, locales=["de"], currencies=["CHF"])
    emails = {path.name for path in index.parent.glob("de/*.html")}
    assert emails == {f"{name}-chf.html" for name in renderer.templates()[Channel.EMAIL]["de"]}
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "de"}


def test_the_preview_is_the_same_every_time(renderer: Renderer, tmp_path: Path) -> None:
    first = write_preview(renderer, tmp_path / "a", locales=["en"]).read_bytes()
    assert write_preview(renderer, tmp_path / "b", locales=["en"]).read_bytes() == first
