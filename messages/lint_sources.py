"""What is wrong in a template as it is written, in parts too that no example reaches?"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from babel import Locale
from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from dunning.finding import Code, Finding
from dunning.notice import Brand
from messages.environments import environment
from messages.examples import example_notices
from messages.folders import FRAMES, SUFFIXES
from messages.parameters import email_parameters, subject_parameters, text_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WORDS = "words.jinja"
_FRAMES = (*FRAMES, "layout.txt")
SHARED = (*_FRAMES, _WORDS)
"""The files that go into every email, or every one of a language."""
_PARTS = ("subject", "preheader")
_UNPRINTED = re.compile(r"\{#.*?#\}|\{%.*?%\}", re.DOTALL)
_LINK = re.compile(r"https?://[^\s\"'<>]*")
_PLACEHOLDERS = re.compile(
    r"(^|\.)(example\.(com|net|org)|example|invalid|test|localhost)$|^127\.|your-?(domain|company)"
)
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+")

_ENVIRONMENT = environment((), html=False)
_NOTICE = example_notices("several", "en")[0]
_GLOBALS = frozenset(_ENVIRONMENT.globals)
_SEEN = _GLOBALS | {*subject_parameters(_NOTICE), "layout"}
_TEXT = _GLOBALS | set(text_parameters(_NOTICE))
_BODY = _SEEN | set(email_parameters(_NOTICE, Locale("en"))) | set(_PARTS)
_BRAND = frozenset(field.name for field in fields(Brand))


@dataclass(frozen=True, slots=True)
class _Scope:
    """A part of a template, and the names that it may use."""

    tree: nodes.Template
    names: frozenset[str]


def sources(directory: Path) -> Iterator[Finding]:
    """What is found in all templates, shared words and frames below a merchant's directory."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    for path in files:
        if path.name.endswith(tuple(SUFFIXES.values())) or path.name in SHARED:
            yield from _of_file(path)


def _of_file(path: Path) -> Iterator[Finding]:
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        yield Finding(
            code=Code.TEMPLATE_FAILS,
            path=f"{path}:1",
            problem="the file cannot be read as UTF-8 text",
            fix="Save it as UTF-8, readable for this service.",
        )
        return
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as fault:
        yield Finding(
            code=Code.TEMPLATE_SYNTAX,
            path=f"{path}:{fault.lineno}",
            problem=(fault.message or "the template syntax is wrong").rstrip("."),
            fix="Correct the template syntax.",
        )
        return
    for scope in _scopes(path, tree):
        yield from _unknown(path, scope)
    yield from _links(path, source)


def _scopes(path: Path, tree: nodes.Template) -> Iterator[_Scope]:
    """An email's subject and preheader are seen by others, so they may name the brand only."""
    own = frozenset(_given(tree))
    if path.name == _WORDS:
        yield _Scope(tree, _GLOBALS | own)
    elif path.name in _FRAMES:
        yield _Scope(tree, _BODY | own)
    elif path.name.endswith((".sms.jinja", ".push.jinja")):
        yield _Scope(tree, (_TEXT if path.name.endswith(".sms.jinja") else _SEEN) | own)
    else:
        blocks = [block for block in tree.find_all(nodes.Block) if block.name in _PARTS]
        for block in blocks:
            part = nodes.Template(block.body, lineno=block.lineno)
            part.set_environment(_ENVIRONMENT)
            yield _Scope(part, _SEEN | own)
            block.body = []
        yield _Scope(tree, _BODY | own)


def _given(tree: nodes.Template) -> Iterator[str]:
    """The names that a template gives itself."""
    yield from (name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (one.target for one in tree.find_all(nodes.Import))
    for one in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in one.names)


def _unknown(path: Path, scope: _Scope) -> Iterator[Finding]:
    strange = find_undeclared_variables(scope.tree) - scope.names
    used = {
        (name.name, name.lineno) for name in scope.tree.find_all(nodes.Name) if name.name in strange
    }
    for name, line in sorted(used, key=lambda pair: pair[1]):
        yield _no_such(path, line, name, scope.names - _GLOBALS - {"layout"})
    for part in scope.tree.find_all(nodes.Getattr):
        of_brand = isinstance(part.node, nodes.Name) and part.node.name == "brand"
        if of_brand and part.attr not in _BRAND:
            known = (f"brand.{name}" for name in _BRAND)
            yield _no_such(path, part.lineno, f"brand.{part.attr}", known)


def _no_such(path: Path, line: int, name: str, known: Iterable[str]) -> Finding:
    there = sorted(known)
    close = get_close_matches(name, there, n=1)
    return Finding(
        code=Code.UNKNOWN_VARIABLE,
        path=f"{path}:{line}",
        problem=f"there is no `{name}` in this place",
        fix=(f"Did you mean `{close[0]}`? " if close else "")
        + f"It may use only: {', '.join(there)}.",
    )


def _links(path: Path, source: str) -> Iterator[Finding]:
    bare = _UNPRINTED.sub(lambda found: " " + "\n" * found[0].count("\n"), source)
    for number, line in enumerate(bare.splitlines(), start=1):
        for link in (found.rstrip(".,;:!?)") for found in _LINK.findall(line)):
            if not _leads_somewhere(link):
                yield Finding(
                    code=Code.BROKEN_LINK,
                    path=f"{path}:{number}",
                    problem=f"the link {link} leads nowhere",
                    fix="Write an address that customers can open, or take it out.",
                )


def _leads_somewhere(link: str) -> bool:
    """By its form alone: nothing is fetched. A host that the template fills in is not judged."""
    if "{{" in link.partition("://")[2].partition("/")[0]:
        return True
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        return False
    return _HOST.fullmatch(host) is not None and not _PLACEHOLDERS.search(host)
