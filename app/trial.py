"""Where are the servers that `dunning up` started, so that other commands find them?"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from app.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_NAME = "up.json"
_KEY = "secret.key"


class _Record(BaseModel):
    pid: int
    environment: dict[str, str]


@contextmanager
def recorded(data_dir: Path, environment: Mapping[str, str]) -> Generator[None]:
    """Tell others how to reach this process's servers, for as long as the block runs."""
    place = data_dir / _NAME
    record = _Record(pid=os.getpid(), environment=dict(environment))
    place.unlink(missing_ok=True)
    place.touch(mode=0o600)
    place.write_text(record.model_dump_json(), encoding="utf-8")
    try:
        yield
    finally:
        place.unlink(missing_ok=True)


def running(data_dir: Path) -> Mapping[str, str]:
    """The settings under which `dunning up` runs on this folder now; none when it does not."""
    try:
        record = _Record.model_validate_json((data_dir / _NAME).read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return {}
    return record.environment if _alive(record.pid) else {}


def secret_key(data_dir: Path) -> str:
    """The key of this installation, made at the first call and readable by its owner only."""
    place = data_dir / _KEY
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            _write_new(place, secrets.token_hex(32))
        return place.read_text(encoding="ascii").strip()
    except OSError as fault:
        raise SettingsError(
            f"{place} cannot be written or read ({fault.strerror}). Set DUNNING_DATA_DIR to a "
            "folder of yours, or set DUNNING_SECRET_KEY."
        ) from fault


def _write_new(place: Path, text: str) -> None:
    """All of it or nothing, though two processes begin at once."""
    unfinished = place.with_suffix(f".{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="ascii")
    try:
        place.hardlink_to(unfinished)
    finally:
        unfinished.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
