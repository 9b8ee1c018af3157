"""Which addresses are closed, since when, and what do the cases hear of it?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dunning.channel import Channel
from dunning.suppression import Reason, Scope, Source
from store.suppressions import Closing
from tests.store.reported import (
    ADA,
    MINUTE,
    PHONE,
    on_its_way,
    rows,
    told,
)

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.suppressions import Suppressions
    from tests.store.conftest import Register


@pytest.fixture(autouse=True)
async def case(cases: Cases, register: Register, now: datetime) -> None:
    await on_its_way(cases, register, now)


async def heard(database: Database) -> list[str | None]:
    """The reasons that the open cases are about to hear, in order; None for an open channel."""
    return [json.loads(body)["reason"] for body in await told(database)]


def stop(at: datetime | None = None, **more: Any) -> Closing:
    """The customer answers STOP to a text."""
    closing = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.OPTED_OUT, source=Source.REPLY, at=at
    )
    return replace(closing, **more)


async def test_an_address_that_is_closed_again_or_further_is_told_again(
    suppressions: Suppressions, database: Database
) -> None:
    filtered = Closing(
        channel=Channel.SMS, address=PHONE, reason=Reason.FILTERED, source=Source.REPORT
    )
    narrow = Closing(
        channel=Channel.EMAIL,
        address=ADA,
        reason=Reason.OPTED_OUT,
        source=Source.PAGE,
        scope=Scope.REMINDERS,
    )
    (first,) = await rows(database, "SELECT clock_timestamp() - interval '1 hour' AS expired")
    assert await suppressions.add(replace(filtered, expires_at=first["expired"]))
    assert await suppressions.add(filtered)
    assert await suppressions.add(narrow)
    assert await suppressions.add(replace(narrow, scope=Scope.EVERYTHING))
    assert not await suppressions.add(narrow)
    assert len(await told(database)) == 4


async def test_what_an_event_led_to_is_found_without_reading_whole_tables(
    database: Database,
) -> None:
    found = await rows(
        database,
        "SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%(event_id) WHERE%' ORDER BY 1",
    )
    assert [row["tablename"] for row in found] == ["consents", "reports", "suppressions"]


async def test_an_address_that_is_closed_for_another_reason_too_is_not_told_as_open(
    suppressions: Suppressions, database: Database
) -> None:
    await suppressions.add(stop())
    await suppressions.add(stop(reason=Reason.BAD_ADDRESS, source=Source.REPORT))

    await suppressions.lift(Channel.SMS, PHONE, by="reply", reasons=(Reason.OPTED_OUT,))
    assert await heard(database) == ["opted_out", "bad_address", "bad_address"]

    await suppressions.lift(Channel.SMS, PHONE, by="ada", reasons=(Reason.BAD_ADDRESS,))
    assert (await heard(database))[3:] == [None]


async def test_a_start_between_two_stops_opens_nothing(
    suppressions: Suppressions, database: Database, now: datetime
) -> None:
    assert await suppressions.add(stop(now - 3 * MINUTE))
    assert not await suppressions.add(stop(now - MINUTE))

    late_start = now - 2 * MINUTE
    assert not await suppressions.lift(Channel.SMS, PHONE, by="reply", before=late_start)

    assert (await suppressions.of(Channel.SMS, PHONE)) is not None
    assert await heard(database) == ["opted_out"]


async def test_of_the_same_word_the_later_instant_counts_whichever_comes_first(
    suppressions: Suppressions, now: datetime
) -> None:
    await suppressions.add(stop(now - MINUTE))
    await suppressions.add(stop(now - 3 * MINUTE))
    kept = await suppressions.of(Channel.SMS, PHONE)
    assert kept is not None
    assert kept.created_at == now - MINUTE


async def test_what_holds_for_a_while_is_renewed_and_what_holds_for_good_is_not_shortened(
    suppressions: Suppressions, now: datetime
) -> None:
    filtered: dict[str, Any] = {"reason": Reason.FILTERED, "source": Source.REPORT}
    soon, later = now + timedelta(days=3650), now + timedelta(days=3660)
    for expires_at, kept_until in (
        (soon, soon),
        (later, later),
        (soon, later),
        (None, None),
        (soon, None),
    ):
        await suppressions.add(stop(**filtered, expires_at=expires_at))
        kept = await suppressions.of(Channel.SMS, PHONE)
        assert kept is not None
        assert kept.expires_at == kept_until
