"""Is a page asked for more often than any person would?

Counted in this process alone: it keeps a single program from wearing the page out, no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

_SPAN = 10
_LOOKS = RateLimitItemPerMinute(120, _SPAN, namespace="look")
_PRESSES = RateLimitItemPerMinute(30, _SPAN, namespace="press")
_GUESSES = RateLimitItemPerMinute(60, _SPAN, namespace="guess")
# The storage looks through all keys after each call, and forgets none by itself.
_MOST_KEYS = 1024
# What one customer of a provider holds.
_OF_ONE = 64


class Rates:
    """Counts over the last ten minutes; `now` is the wall clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._forget()

    @property
    def kept(self) -> int:
        """How many links and callers are counted now."""
        return len(self._keys)

    def of_link(self, link_id: str, method: str) -> int:
        """Seconds until this link may be used again; nought if it may now, and that counts."""
        return self._over(_PRESSES if method == "POST" else _LOOKS, link_id)

    def of_stranger(self, request: Request) -> int:
        """The same for who comes with links that we never made, by network address."""
        return self._over(_GUESSES, _network(request.client.host if request.client else ""))

    def _over(self, item: RateLimitItem, name: str) -> int:
        self._remember(item.key_for(name))
        if self._window.hit(item, name):
            return 0
        left = self._window.get_window_stats(item, name).reset_time - self._now().timestamp()
        return min(max(math.ceil(left), 1), item.get_expiry())

    def _remember(self, key: str) -> None:
        if key not in self._keys and self.kept >= _MOST_KEYS:
            self._forget()
        self._keys.add(key)

    def _forget(self) -> None:
        """All at once: a thread of the storage breaks on a key that is taken from under it."""
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._keys = set[str]()


def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _OF_ONE), strict=False))
    return host
