"""How are template files compiled? Sandboxed, strict about unknown names, one locale at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

if TYPE_CHECKING:
    from pathlib import Path

_SPACES = re.compile(r"[ \t\r\n]+")
# A template extends `layout`; with one of these as its layout it yields that block alone.
_PARTS = {part: f"{{% block {part} %}}{{% endblock %}}" for part in ("subject", "preheader")}


def environment(search_path: tuple[Path, ...], *, html: bool) -> ImmutableSandboxedEnvironment:
    """Compiled templates are kept, so an edited file counts after a restart, never half-saved."""
    made = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([DictLoader(_PARTS), FileSystemLoader(search_path)]),
        autoescape=html,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Jinja leaves `globals` without an annotation, and pyright infers only the names it ships with.
    made.globals["paragraphs"] = paragraphs  # pyright: ignore[reportArgumentType]  see above
    return made


def paragraphs(text: str) -> list[str]:
    """Split at blank lines; within a paragraph line breaks are spaces.

    Spaces at which no line may break, as in 2 500,00 €, stay what they are.
    """
    pieces = (_SPACES.sub(" ", piece).strip() for piece in re.split(r"\n\s*\n", str(text)))
    kind = Markup if isinstance(text, Markup) else str
    return [kind(piece) for piece in pieces if piece]
