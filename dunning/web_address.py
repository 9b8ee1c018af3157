"""Can this web address be opened, and is what is typed there read by nobody else on the way?"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def usable(url: str) -> bool:
    """Whether it is an http or https address in full, without blanks and without a password."""
    return _parts(url) is not None


def safe(url: str) -> bool:
    """Whether it is usable, and what is sent there is encrypted or does not leave this machine."""
    parts = _parts(url)
    return parts is not None and (parts.scheme == "https" or _here(parts.hostname or ""))


def _parts(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        # Reading it tells of a port that does not exist.
        known = parts.hostname and parts.port != 0
    except ValueError:
        return None
    if not known or parts.scheme not in ("http", "https") or parts.username is not None:
        return None
    return parts


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
