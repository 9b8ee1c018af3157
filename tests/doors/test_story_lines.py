"""Has everything that can be written down its words, and its place in the order?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dunning.states import Cause, ReviewReason, Withheld
from dunning.suppression import Source
from store.audit import AuditEntry
from store.audit_kinds import AuditKind
from store.story import Arrival, Chronicle, Closed, Planned, Reported
from web import story_words as words
from web.story import StoryLine, tell

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
ZONE = "America/New_York"


def an_entry(seq: int, kind: AuditKind, **detail: Any) -> AuditEntry:
    return AuditEntry(
        case_id=1,
        cycle=1,
        seq=seq,
        at=START + timedelta(hours=seq),
        kind=kind,
        detail=detail,
        hash="00",
    )


def lines(*entries: AuditEntry, **more: Any) -> list[StoryLine]:
    chronicle = Chronicle(entries=entries, notes={}, letters={}, **more)
    return tell("INV-1", chronicle, ZONE).lines


@pytest.mark.parametrize("kind", AuditKind)
def test_every_kind_has_words(kind: AuditKind) -> None:
    (line,) = lines(an_entry(1, kind, step="s", channel="sms", author="ada", status="sent"))
    assert line.what[:1].isupper() or line.what.startswith("ada ordered: ")
    assert kind not in line.what


def test_every_reason_has_words() -> None:
    assert set(words.WITHHELD) == set(Withheld)
    assert set(words.REVIEWS) == set(ReviewReason)
    assert set(words.CAUSES) == set(Cause)
    assert set(words.SOURCES) == set(Source)


def test_instants_stand_on_both_clocks() -> None:
    (line,) = lines(an_entry(1, AuditKind.OPENED, at="2026-03-09T14:00:00.000000Z"))
    assert line.at.isoformat() == "2026-03-09T14:00:00+00:00"
    assert line.local.isoformat() == "2026-03-09T10:00:00-04:00"


def test_all_places_are_told_in_the_order_of_the_database() -> None:
    arrival = Arrival(
        id=7,
        source="revtain",
        name="recovery.failed",
        transaction_id="t",
        received_at=START,
        status="done",
        note=None,
    )
    report = Reported(
        id=1,
        message_id="m",
        step="first",
        channel="email",
        cycle=1,
        status="delivered",
        code=None,
        at=START + timedelta(hours=2, minutes=-10),
        recorded_at=START + timedelta(hours=3, minutes=30),
        applied=True,
    )
    planned = Planned(
        id="n",
        cycle=1,
        step="second",
        channel="sms",
        template="t",
        status="planned",
        reason=None,
        due_at=START,
        updated_at=START,
    )
    told = lines(
        an_entry(1, AuditKind.OPENED),
        an_entry(2, AuditKind.SENT, message="m", step="first", channel="email"),
        an_entry(3, AuditKind.DELIVERED, message="m", step="first", channel="email"),
        an_entry(4, AuditKind.PAUSED),
        events=(arrival,),
        reports=(report,),
        messages=(planned,),
    )
    assert [line.kind for line in told] == [
        "event.recovery.failed",
        "case.opened",
        "message.sent",
        "report.delivered",
        "case.paused",
        "message.planned",
    ]


def test_a_closed_channel_names_who_closed_it_last_before() -> None:
    def closed(source: str, hours: int) -> Closed:
        return Closed(
            channel="email",
            reason="opted_out",
            source=source,
            created_at=START + timedelta(hours=hours),
            lifted_at=None,
            lifted_by="ada",
        )

    entries = (
        an_entry(2, AuditKind.CHANNEL_CLOSED, channel="email", reason="opted_out"),
        an_entry(3, AuditKind.CHANNEL_OPENED, channel="email"),
    )
    closings = (closed("import", 0), closed("page", 1), closed("api", 9))
    assert [line.why for line in lines(*entries, closings=closings)] == [
        "opted out: the customer chose it on the page of preferences (page)",
        "lifted by ada",
    ]


def test_reasons_of_messages_are_told() -> None:
    due = "2026-03-02T14:00:00.000000Z"
    told = lines(
        an_entry(1, AuditKind.SENT, step="first", channel="email", due_at=due),
        an_entry(2, AuditKind.SENT, step="receipt", channel="email", due_at=due),
        an_entry(3, AuditKind.WITHHELD, step="text", channel="sms", reason="no_consent"),
        an_entry(4, AuditKind.OVERTAKEN, step="old", channel="sms", reason="overtaken by x"),
    )
    assert [line.why for line in told] == [
        "a step of the campaign, due 2026-03-02 14:00 UTC",
        "the payment arrived",
        "the customer has not agreed to this channel (no_consent)",
        "overtaken by x",
    ]
