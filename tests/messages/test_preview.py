"""Can a merchant look at every message before anyone gets one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messages.preview import write_preview

if TYPE_CHECKING:
    from pathlib import Path

    from messages.render import Renderer


def test_every_template_is_written_for_three_currencies(renderer: Renderer, tmp_path: Path) -> None:
    index = write_preview(renderer, tmp_path / "new" / "folder")
    page = index.read_text(encoding="utf-8")
    written = {path.relative_to(index.parent).as_posix() for path in index.parent.rglob("*.*")}
    forms = {path for path in written if path != "index.html"}
    assert len(forms) == 8 * 3 * 2
    assert {path for path in forms if f'href="{path}"' in page} == forms
    assert page.count("Text message: 1 segment, gsm-7") == 7 * 3
    assert "en/final_notice-jpy.html" in forms


def test_the_preview_is_the_same_every_time(renderer: Renderer, tmp_path: Path) -> None:
    first = write_preview(renderer, tmp_path / "a").read_bytes()
    assert write_preview(renderer, tmp_path / "b").read_bytes() == first
