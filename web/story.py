"""What happened in the cases of an invoice, in order, and why? Assembled from what is written down.

Lines stand in the order in which they were written, by the database's clock. The instant of a line
is the case's own time where that is known, else the database's; in production they are the same,
and where time is skipped nothing is dated before what stands above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from dunning.facts import PROMISE_STEP
from dunning.recovery import ASKED_SOURCE
from dunning.states import State
from store.audit import AuditEntry
from store.audit_kinds import AuditKind
from store.story import Arrival, Chronicle, Closed, Planned, Replied, Reported
from web import story_words as words

_RECEIPT = "receipt"
_TO_COME = frozenset({"planned", "reserved"})
_NO_DELIVERY = frozenset(
    {
        *("sent", "withheld", "refused", "unknown", "settled", "released", "overtaken"),
        *("skipped", "alerted"),
    }
)


_ADVISED = frozenset({AuditKind.CAMPAIGN, AuditKind.ADVICE})
# What is dated so soon before it was written is dated by the database.
_SAME = timedelta(minutes=1)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class StoryLine(_Document):
    """One thing that happened, or that is still to come."""

    at: datetime = Field(description="When it happened, in UTC.")
    local: datetime = Field(description="The same instant on the customer's clock.")
    recorded_at: datetime | None = Field(
        description="When it was written down; none for what is still to come."
    )
    kind: str = Field(
        description="An entry's kind in the audit trail, or `event.*`, `report.*`, "
        "`reply.*`, `message.planned`."
    )
    what: str
    about: str | None = Field(description="To what it happened.")
    why: str | None
    cycle: int | None = Field(description="Of which case of the invoice, if of one.")
    entry: int | None = Field(description="Its number in that case's audit trail, if it is there.")
    message_id: str | None = None
    note: str | None = Field(default=None, description="The words of a note.")


class StoryDocument(_Document):
    """The whole story of the cases of an invoice."""

    invoice_id: str
    timezone: str = Field(description="On whose clock `local` is.")
    lines: list[StoryLine]


class Told(_Document):
    """A line before it has its instants on clocks."""

    at: datetime
    recorded_at: datetime | None
    kind: str
    what: str
    about: str | None = None
    why: str | None = None
    cycle: int | None = None
    entry: int | None = None
    message_id: str | None = None
    note: str | None = None


def tell(invoice_id: str, chronicle: Chronicle, zone: str) -> StoryDocument:
    """Everything in order, what is still to come last."""
    clock = ZoneInfo(zone)
    past = _dated(sorted(_past(chronicle), key=_place))
    told = [*past, *_to_come(chronicle.messages)]
    lines = [StoryLine(**dict(one), local=one.at.astimezone(clock)) for one in told]
    return StoryDocument(invoice_id=invoice_id, timezone=zone, lines=lines)


def _place(told: Told) -> tuple[datetime, int]:
    return told.recorded_at or told.at, told.entry or 0


def _dated(told: Iterable[Told]) -> Iterator[Told]:
    """Give what only the database dates the case's time, if that has gone further."""
    reached: datetime | None = None
    for one in told:
        if abs(one.at - (one.recorded_at or one.at)) > _SAME:
            reached = max(reached or one.at, one.at)
            yield one
        else:
            yield one.model_copy(update={"at": max(reached or one.at, one.at)})


def _past(chronicle: Chronicle) -> Iterator[Told]:
    reported = {(report.message_id, report.status) for report in chronicle.reports}
    yield from map(_arrival, chronicle.events)
    yield from map(_report, chronicle.reports)
    yield from map(_reply, chronicle.replies)
    for entry in chronicle.entries:
        if not _of_report(entry, reported):
            yield _entry(entry, chronicle)


def _of_report(entry: AuditEntry, reported: set[tuple[str, str]]) -> bool:
    """A report tells it with more detail, and is told anyway."""
    area, name = entry.kind.split(".")
    message = str(entry.detail.get("message"))
    return area == "message" and name not in _NO_DELIVERY and (message, name) in reported


def _arrival(event: Arrival) -> Told:
    known = words.ARRIVALS.get(event.name, event.name or "An event that could not be read")
    if event.source == ASKED_SOURCE:
        known = f"Revtain was asked: {known[:1].lower()}{known[1:]}"
    transaction = event.transaction_id and f"transaction {event.transaction_id}"
    return Told(
        at=event.received_at,
        recorded_at=event.received_at,
        kind=f"event.{event.name}",
        what=known,
        about="; ".join(
            filter(None, (f"event {event.id} of {event.source}", transaction, event.note))
        ),
        why=None,
    )


def _report(report: Reported) -> Told:
    late = None if report.applied else "it changed nothing that was known"
    code = report.code and f"vendor's code {report.code}"
    return Told(
        at=report.at,
        recorded_at=report.recorded_at,
        kind=f"report.{report.status}",
        what=words.report(report.channel, report.status),
        about=f"step {report.step}",
        why=", ".join(filter(None, (code, late))) or None,
        cycle=report.cycle,
        message_id=report.message_id,
    )


def _reply(reply: Replied) -> Told:
    by = reply.handled_by and f"handled by {reply.handled_by}"
    return Told(
        at=reply.received_at,
        recorded_at=reply.received_at,
        kind=f"reply.{reply.meaning}",
        what=words.reply(reply.channel, reply.meaning),
        about=f"reply {reply.id}",
        why=by or "nobody has handled it yet",
    )


def _entry(entry: AuditEntry, chronicle: Chronicle) -> Told:
    detail = entry.detail
    note = detail.get("note") if entry.kind == AuditKind.NOTE_ADDED else None
    return Told(
        at=_moment(detail.get("at")) or entry.at,
        recorded_at=entry.at,
        kind=entry.kind,
        what=words.what(entry.kind, detail),
        about=_about(entry),
        why=_why(entry, chronicle),
        cycle=entry.cycle,
        entry=entry.seq,
        message_id=detail.get("message"),
        note=None if note is None else chronicle.notes.get(int(note)),
    )


def _about(entry: AuditEntry) -> str | None:
    detail = entry.detail
    match entry.kind.split("."):
        case "message", _:
            template = f", template {detail['template']}" if detail.get("template") else ""
            return f"step {detail.get('step')}{template}"
        case "case", "opened" | "begun":
            return f"invoice {detail.get('invoice')}, cycle {detail.get('cycle')}"
        case ("promise", _) | ("case", "promised"):
            return f"for {detail.get('promise_day')}"
        case "note", _:
            return f"note {detail.get('note')}"
        case "order", "resolve":
            return f"message {detail.get('message')}"
        case _:
            return None


def _why(entry: AuditEntry, chronicle: Chronicle) -> str | None:
    match entry.kind.split("."):
        case "message", _:
            return _why_message(entry, chronicle)
        case "channel", name:
            return _why_channel(entry, chronicle.closings, closed=name == "closed")
        case "order", _:
            note = entry.detail.get("note")
            return entry.detail.get("reason") or (note and f"note {note}")
        case "review", "opened" | "round" | "changed":
            return _of(words.REVIEWS, entry.detail.get("reason"))
        case "case" | "charge" as what, _:
            return _why_case(entry) if what == "case" else _why_charge(entry)
        case _:
            return None


def _why_case(entry: AuditEntry) -> str | None:
    detail = entry.detail
    reasons = [
        _of(words.CAUSES, detail.get("cause")),
        _of(words.REVIEWS, detail.get("review_reason")) if entry.kind == AuditKind.REVIEW else None,
    ]
    if entry.kind in _ADVISED or detail.get("from") == State.OPENING:
        advice, code = detail.get("advice"), detail.get("decline_code")
        reasons += [
            advice and f"advice {advice}" + (f" (decline code {code})" if code else ""),
            detail.get("campaign_reason"),
        ]
    return "; ".join(filter(None, reasons)) or None


def _why_charge(entry: AuditEntry) -> str | None:
    reason, code = entry.detail.get("reason"), entry.detail.get("decline_code")
    return reason or (code and f"decline code {code}")


def _why_message(entry: AuditEntry, chronicle: Chronicle) -> str | None:
    detail = entry.detail
    if reason := detail.get("reason"):
        return _of(words.WITHHELD, reason)
    if entry.kind not in {AuditKind.SENT, AuditKind.SETTLED}:
        code = detail.get("code")
        return code and f"vendor's code {code}"
    known = next((m for m in chronicle.messages if m.id == detail.get("message")), None)
    return _why_sent(detail.get("step"), _moment(detail.get("due_at")), known)


def _why_sent(step: str | None, due_at: datetime | None, known: Planned | None) -> str:
    if step == _RECEIPT:
        return "the payment arrived"
    if step is not None and step.startswith(PROMISE_STEP):
        return "the customer chose a day to pay"
    if notice := words.notice(step):
        return notice
    due = f", due {due_at:%Y-%m-%d %H:%M} UTC" if due_at else ""
    others = ", ".join(known.together_with) if known else ""
    together = f"; one message for {others} too" if others else ""
    return f"a step of the campaign{due}{together}"


def _why_channel(entry: AuditEntry, closings: Sequence[Closed], *, closed: bool) -> str | None:
    channel, reason = entry.detail.get("channel"), entry.detail.get("reason")
    mine = [one for one in closings if one.channel == channel and one.created_at <= entry.at]
    if not closed:
        by = next((one.lifted_by for one in reversed(mine) if one.lifted_by), None)
        return by and f"lifted by {by}"
    source = next((one.source for one in reversed(mine) if one.reason == reason), None)
    told = str(reason).replace("_", " ")
    return told if source is None else f"{told}: {_of(words.SOURCES, source)}"


def _to_come(messages: Sequence[Planned]) -> Iterator[Told]:
    for message in messages:
        if message.status in _TO_COME:
            channel = words.CHANNELS.get(message.channel, message.channel)
            under_way = message.status == "reserved"
            yield Told(
                at=message.due_at or message.updated_at,
                recorded_at=None,
                kind=f"message.{message.status}",
                what=f"{channel} {'being sent' if under_way else 'planned'}",
                about=f"step {message.step}, template {message.template}",
                why=message.reason or words.notice(message.step) or "a step of the campaign",
                cycle=message.cycle,
                message_id=message.id,
            )


def _of(meanings: Mapping[str, str], value: str | None) -> str | None:
    """Our words for a value, with the value where programs and people may look for it."""
    if not value:
        return None
    return f"{meanings[value]} ({value})" if value in meanings else value


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
