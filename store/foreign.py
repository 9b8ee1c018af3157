"""What does PostgreSQL accept of a text that a stranger wrote?"""

from __future__ import annotations

from typing import overload

# An index entry of PostgreSQL holds some 2,700 bytes; no reference of ours comes near.
_LONGEST = 512


@overload
def storable(value: str) -> str: ...
@overload
def storable(value: None) -> None: ...
def storable(value: str | None) -> str | None:
    """The text without what a text column or an index refuses: NUL, half surrogates, length.

    One such text would otherwise fail the whole batch that it came with.
    """
    if value is None:
        return None
    clean = value[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\x00", "\N{REPLACEMENT CHARACTER}")
