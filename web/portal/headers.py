"""What may a browser do with a page of ours? As little as possible."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urlsplit

_NOWHERE = "'none'"
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")


def security_headers(
    *, style: str, logo_url: str | None = None, leads_to: str | None = None
) -> dict[str, str]:
    """Headers for one page.

    Browsers hold `form-action` against every redirect that follows the form, and a merchant's
    payment page may redirect as well: so the scheme is named, not the host.
    """
    schemes = "" if leads_to is None else " https:"
    if leads_to is not None and urlsplit(leads_to).scheme == "http":
        schemes += " http:"
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{_digest(style)}'",
        f"img-src {origin(logo_url) or _NOWHERE}",
        f"form-action 'self'{schemes}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }


def origin(url: str | None) -> str | None:
    """Scheme, host and port of an address, if they can stand in a header."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, port = host_of(url), parts.port
    except ValueError:
        return None
    if host is None or not _PLAIN_HOST.fullmatch(host):
        return None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def host_of(url: str) -> str | None:
    """The host of an address as a person reads it."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return f"[{host}]" if host and ":" in host else host


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
