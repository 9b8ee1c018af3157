"""Was our button pressed by a person, as far as a browser tells?"""

from __future__ import annotations

from starlette.requests import Request

# Browsers name what they load before anybody asked for it by one of these.
_PURPOSE = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_UNASKED = ("prefetch", "prerender", "preview")


def pressed(request: Request) -> bool:
    """Whether to act: a form of our own page was sent, and not ahead of time.

    Programs that say nothing of themselves are believed, such as old browsers.
    """
    if request.method != "POST" or request.headers.get("sec-fetch-site") == "cross-site":
        return False
    told = " ".join(request.headers.get(name, "") for name in _PURPOSE).lower()
    return not any(word in told for word in _UNASKED)
