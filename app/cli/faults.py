"""Which sentence and which exit code does a fault become?

0  done
1  something is wrong: the data, the policy, or an order that cannot be carried out
2  bad usage: an argument or a setting
3  a server cannot be reached
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.settings import SettingsError
from dunning.errors import DunningError
from store.errors import DatabaseDownError
from workflows.errors import TemporalDownError

if TYPE_CHECKING:
    from collections.abc import Iterator

FINE, WRONG, USAGE, UNREACHABLE = range(4)

_UPGRADE = "The database lacks tables of this version. Run `dunning db upgrade`."
# Beginnings of SQLSTATE that a person's mistake causes.
_STATES = {
    "28": "PostgreSQL refuses the user or the password of DUNNING_DATABASE_URL. Correct them.",
    "3D": "The database that DUNNING_DATABASE_URL names does not exist. Create it, or correct "
    "the name.",
    "42P01": _UPGRADE,
    "42703": _UPGRADE,
    "42501": "The user of DUNNING_DATABASE_URL may not do this. Grant it the rights on the tables.",
}


class UsageError(DunningError):
    """An argument cannot be meant as it stands; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the command ends."""

    code: int
    sentence: str


def explain(fault: BaseException) -> Ending | None:
    """What to tell a person; None for a fault that is nobody's mistake but the program's."""
    match fault:
        case DatabaseDownError() | TemporalDownError():
            return Ending(UNREACHABLE, str(fault))
        case SettingsError() | UsageError():
            return Ending(USAGE, str(fault))
        case DunningError():
            return Ending(WRONG, str(fault))
        case _:
            return _of_database(fault)


def _of_database(fault: BaseException) -> Ending | None:
    for state in _states(fault):
        for beginning, sentence in _STATES.items():
            if state.startswith(beginning):
                code = WRONG if sentence is _UPGRADE else USAGE
                return Ending(code, sentence)
    return None


def _states(fault: BaseException) -> Iterator[str]:
    for candidate in (fault, getattr(fault, "orig", None)):
        state = getattr(candidate, "sqlstate", None)
        if isinstance(state, str):
            yield state
