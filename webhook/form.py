"""Which fields did a vendor post as a form? Read from the raw body, as its signature covers it."""

from __future__ import annotations

from urllib.parse import parse_qsl

_MOST_FIELDS = 200


def fields(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form; blank ones are kept, since the signature covers them.

    A body that is no form gives no fields. Of a name given twice the last value counts, so that
    such a form does not pass for a signed one.
    """
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)
