"""Is a message that was sent known as sent, though recording it met another transaction?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from sandbox.faults import Fault, FaultKind, Moment, Vendor
from tests.stories.witnesses import Told, eventually, rows
from tests.stories.words import FIRST

if TYPE_CHECKING:
    from app.demo.stage import Stage
    from tests.stories.telling import Teller

_SLOW = Fault(kind=FaultKind.DELAY, delay_s=1.0, when=Moment.AFTER)
# Who waits longer than that is the one whose transaction is ended: here the other one.
_PATIENT = text("SET LOCAL deadlock_timeout = '1min'")
_HOLD_THE_TRAIL = text("SELECT FROM audit_heads FOR UPDATE")
_TOUCH_THE_MESSAGE = text("UPDATE messages SET template = template")
_REQUESTED = "SELECT 1 FROM messages WHERE requested_at IS NOT NULL"
_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"


async def test_a_deadlock_over_the_record_of_a_send_leaves_no_doubt(
    stage: Stage, tell: Teller
) -> None:
    ada = await tell.invoice()
    stage.sandbox.faults.plan(Vendor.SENDGRID, _SLOW)
    await ada.fails()
    passing = asyncio.create_task(stage.advance(timedelta(hours=3)))

    async def there_is(found: str) -> None:
        async def any_row() -> bool:
            return bool(await rows(stage, found))

        await eventually(any_row)

    await there_is(_REQUESTED)
    async with stage.stores.database.begin() as other:
        await other.execute(_PATIENT)
        await other.execute(_HOLD_THE_TRAIL)
        await there_is(_WAITING)
        await other.execute(_TOUCH_THE_MESSAGE)
    await passing

    assert await ada.told() == Told(inbox=(f"day 0: {FIRST}",), standing="waiting")
