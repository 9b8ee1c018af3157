"""Does one event that cannot be handled keep the others of its batch from their cases?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from structlog.testing import capture_logs

from dunning.errors import PolicyError
from store.inbox import ClaimedEvent, EventStatus, Inbox, NewEvent
from webhook.dispatcher import Dispatcher
from webhook.handling import Handled, Handler

if TYPE_CHECKING:
    from store.database import Database

SECRET = "ada@example.com"


class _Stumbling:
    """Cannot handle any batch with a poisoned event in it."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    async def handle(self, events: Sequence[ClaimedEvent]) -> Handled:
        if any(b"poison" in event.body for event in events):
            raise self.fault
        return Handled(done=[(event.id, None, "done") for event in events])


async def _dispatched(database: Database, fault: Exception) -> tuple[dict[str, EventStatus], str]:
    inbox = Inbox(database)
    names = ["one", "poison", "two", "three"]
    await inbox.put_many(
        [NewEvent(source="revtain", name=name, body=name.encode()) for name in names]
    )
    handler = cast("Handler", _Stumbling(fault))
    dispatcher = Dispatcher(
        inbox=inbox, handler=handler, arrived=asyncio.Event(), busy=lambda: 0.0, lanes=1
    )
    with capture_logs() as logs:
        running = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(10):
            while (await inbox.counts())[EventStatus.DONE] < len(names) - 1:
                await asyncio.sleep(0.02)
        dispatcher.stop()
        await running
    found = {event.name: event.status for event in await inbox.find_events()}
    return found, str(logs)


async def test_a_fault_of_ours_holds_up_its_own_event_only_and_logs_nothing_personal(
    database: Database,
) -> None:
    found, logs = await _dispatched(database, ValueError(f"no such field of {SECRET}"))

    assert found == {
        "one": EventStatus.DONE,
        "poison": EventStatus.PENDING,
        "two": EventStatus.DONE,
        "three": EventStatus.DONE,
    }
    assert "ValueError" in logs
    assert SECRET not in logs


async def test_a_fault_that_we_know_holds_up_its_own_event_only(database: Database) -> None:
    found, _ = await _dispatched(database, PolicyError(("the policy cannot be read",)))

    assert [name for name, status in found.items() if status is EventStatus.PENDING] == ["poison"]
