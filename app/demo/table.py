"""How are the endings of all stories shown? One table, for a terminal of 120 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from activities.zones import whereabouts
from app.demo.endings import Ending, companions, left_at
from dunning.channel import Channel
from dunning.facts import CASE_CLOSED
from dunning.public_holidays import is_holiday
from dunning.states import Outcome
from store.message_records import MessageRecord, MessageStatus

WIDTH = 120
_ROADS = {Channel.EMAIL: "email", Channel.SMS: "text ", Channel.PUSH: "push "}
_HELD = frozenset(
    {
        MessageStatus.WITHHELD,
        MessageStatus.OVERTAKEN,
        MessageStatus.SKIPPED,
        MessageStatus.REFUSED,
        MessageStatus.UNKNOWN,
    }
)
_A_MINUTE = timedelta(minutes=1)
_CAPTION = (
    "email and text are followed by the template's name, and by the subject as it arrived where "
    "that tells more."
)


def table(endings: Sequence[Ending]) -> Table:
    """A row for each story."""
    shown = Table(title="Seven weeks of dunning", caption=_CAPTION, show_lines=True, expand=True)
    shown.add_column("invoice", width=8)
    shown.add_column("story", ratio=22, overflow="fold")
    shown.add_column("sent, in the customer's local time", ratio=44, overflow="fold")
    shown.add_column("not sent or late, and why", ratio=22, overflow="fold")
    shown.add_column("outcome", width=14)
    for one in endings:
        outcome = _outcome(one)
        good = outcome.startswith(Outcome.RECOVERED.value)
        shown.add_row(
            one.story.invoice_id,
            one.story.title,
            Text("\n".join(_sent(one, endings)) or "-"),
            Text("\n".join((*_late(one), *_held(one))) or "-"),
            Text(outcome, style="green" if good else "yellow"),
        )
    return shown


def _sent(one: Ending, endings: Sequence[Ending]) -> Iterator[str]:
    foreign = not (one.invoice.contact.locale or "en").startswith("en")
    for number, message in enumerate(one.sent):
        yield f"{_clock(one, left_at(message))}  {_ROADS[message.channel]} {message.template}"
        arrived = one.arrived(message)
        if arrived is not None and (message.together_with or (foreign and number == 0)):
            yield f"“{arrived.subject}”"
        if message.together_with:
            named = (one, *companions(message, endings))
            yield "one email for " + " and ".join(map(_named, named))


def _named(one: Ending) -> str:
    return f"{one.story.invoice_id} ({one.amount})"


def _late(one: Ending) -> Iterator[str]:
    """Texts that had to wait for their hours."""
    due = one.story.text_due
    texts = (m for m in one.sent if m.channel is Channel.SMS)
    for text in texts if due is not None else ():
        if due is not None and left_at(text) > due + _A_MINUTE:
            yield f"{text.step}: waited, {_clock(one, due)} was {_why(one, due)}"


def _why(one: Ending, due: datetime) -> str:
    where = whereabouts(one.invoice.contact, "UTC")
    rests = is_holiday(where.regions, due.astimezone(_zone(one)).date())
    return "a public holiday" if rests else "outside texting hours"


def _held(one: Ending) -> Iterator[str]:
    for closed in one.case.closed_channels if one.case else ():
        yield f"closed: {closed}"
    for message in one.messages:
        if message.status in _HELD and message.reason != CASE_CLOSED:
            yield f"{message.step}: {_reason(message)}"


def _reason(message: MessageRecord) -> str:
    reason = message.reason or ""
    told = message.status.value
    return reason if reason.startswith(told) else f"{told}, {reason}"


def _outcome(one: Ending) -> str:
    case = one.case
    if case is None:
        return f"no case was opened; the invoice is {one.invoice.status.value}"
    if case.outcome is None:
        reason = f" ({case.review_reason.value})" if case.review_reason else ""
        return f"{case.state.value}{reason}"
    cause = f" by {case.cause.value}" if case.cause else ""
    return f"{case.outcome.value}{cause}"


def _zone(one: Ending) -> ZoneInfo:
    return ZoneInfo(one.invoice.contact.timezone or "UTC")


def _clock(one: Ending, at: datetime) -> str:
    return f"{at.astimezone(_zone(one)):%a %d %b %H:%M}"
