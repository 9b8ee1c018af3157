"""Does counting how often pages are asked for stay small, however many links and callers come?"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from web.portal.rates import Rates

if TYPE_CHECKING:
    import pytest


def now() -> datetime:
    return datetime.now(UTC)


def test_a_flood_of_links_is_forgotten_and_breaks_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = list[threading.ExceptHookArgs]()
    monkeypatch.setattr(threading, "excepthook", broken.append)
    rates = Rates(now)
    for number in range(40_000):
        assert rates.of_link(f"link-{number}", "GET") == 0
        assert rates.kept <= 1024
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert broken == []


def test_links_are_counted_apart_and_looks_and_presses_too() -> None:
    rates = Rates(now)
    pressed = [rates.of_link("one", "POST") for _ in range(31)]
    assert pressed[:30] == [0] * 30
    assert 1 <= pressed[30] <= 600
    assert (rates.of_link("one", "GET"), rates.of_link("two", "POST")) == (0, 0)
