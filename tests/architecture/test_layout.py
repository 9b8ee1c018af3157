"""Do the packages on disk, in the wheel and in the import contracts agree?"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOT_SHIPPED = {"tests", "bench"}
# Of `holidays` only tables of days are used.
PURE = {"dunning", "pydantic", "pydantic_core", "annotated_types", "holidays"}


def _packages_on_disk() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_SHIPPED


def test_every_package_is_checked_by_the_import_contracts() -> None:
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == _packages_on_disk()


def test_every_package_is_in_the_wheel() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(wheel) == _packages_on_disk()


@pytest.mark.parametrize("path", sorted((ROOT / "dunning").glob("*.py")), ids=lambda p: p.name)
def test_the_rule_book_imports_the_standard_library_pydantic_and_tables_only(path: Path) -> None:
    foreign = _imported(path) - PURE - set(sys.stdlib_module_names)
    assert foreign == set()


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(_packages_on_disk()))
def test_package_files_are_empty_where_they_only_mark_a_package(package: str) -> None:
    """A name is imported from the module that defines it. The command line's entry is one."""
    filled = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("__init__.py")
        if path.read_text().strip()
    ]
    assert filled in ([], ["app/cli/__init__.py"])


@pytest.mark.parametrize("package", sorted(_packages_on_disk()))
def test_every_file_opens_with_the_question_it_answers(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


@pytest.mark.parametrize("package", sorted(_packages_on_disk()))
def test_no_log_line_has_a_field_named_like_the_message_itself(package: str) -> None:
    """structlog takes the message as `event`; a field of that name raises where it is logged."""
    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "_log"
        and any(keyword.arg == "event" for keyword in node.keywords)
    ]
    assert guilty == []
