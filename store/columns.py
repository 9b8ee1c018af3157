"""Of what are the tables made, that the queries name?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, DateTime, MetaData, Text

if TYPE_CHECKING:
    from datetime import datetime

METADATA = MetaData()
_MOMENT = DateTime(timezone=True)


def text(name: str, *, required: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, Text, nullable=not required)


def moment(name: str, *, required: bool = False) -> Column[datetime]:
    """An instant with its zone."""
    return Column(name, _MOMENT, nullable=not required)
