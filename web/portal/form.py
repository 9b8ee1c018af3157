"""What does a form say that a browser or a mail program sends?"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

_MOST_FIELDS = 10
_LARGEST_FIELD = 1024


async def fields(request: Request) -> Mapping[str, str]:
    """Its fields, in either encoding; none when it cannot be read or is too large."""
    try:
        form = await request.form(
            max_files=0, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD
        )
    except (ClientDisconnect, HTTPException):
        return {}
    return {name: value for name, value in form.items() if isinstance(value, str)}
