"""What follows from a vendor's report on a message that it took?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dunning.delivery import Report
from dunning.events import MessageSettled
from store.inbox import ClaimedEvent
from store.reports import Filed, Reports
from webhook.handling import Done, UnmatchedError

# What carries no id of ours is most likely about a message that the merchant sent in other ways.
_TRIES_FOR_STRANGERS = 3
# An id like ours that nobody knows after days is that of another system, or of a message long gone.
_TRIES_FOR_UNKNOWN = 8


class ReportReader(Protocol):
    """Reads one stored report of a vendor."""

    def read(self, body: bytes) -> Report:
        """What it says."""
        ...


class Runs(Protocol):
    """The runs of cases, that can be told."""

    async def tell(self, workflow_id: str, fact: MessageSettled) -> bool:
        """Signal a fact; False when no run of this id is going on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHandler:
    """Files the reports of one vendor, and tells the cases whose message they prove."""

    reader: ReportReader
    reports: Reports
    client: Runs

    async def handle(self, event: ClaimedEvent) -> Done:
        """Raise `UnmatchedError` when the message is not known, or not known yet."""
        report = self.reader.read(event.body)
        filed = await self.reports.file(report, event_id=event.id, received_at=event.received_at)
        if filed is None:
            return _stranger(report, event)
        # The proof is committed: after a crash, only the second attempt can tell of it.
        if filed.was_unknown or event.attempts > 1:
            for workflow_id, step in filed.told:
                fact = MessageSettled(id=f"e{event.id}-{step}", step=step, sent=True)
                await self.client.tell(workflow_id, fact)
        return filed.invoice_id, _note(report, filed)


def _stranger(report: Report, event: ClaimedEvent) -> Done:
    tries = _TRIES_FOR_STRANGERS if report.message_id is None else _TRIES_FOR_UNKNOWN
    if event.attempts > tries:
        return None, "about no message of ours"
    if report.message_id is not None:
        raise UnmatchedError("no message of ours has the id that this report names")
    raise UnmatchedError("the report names no message of ours; one may become known yet")


def _note(report: Report, filed: Filed) -> str:
    if filed.copy:
        return f"{report.name}: about a copy, which changes nothing"
    said = f"{report.name}: {_weight(report, filed)}"
    if filed.closed is not None:
        return f"{said}; the address is closed: {filed.closed}"
    return f"{said}; the address is open again" if filed.lifted else said


def _weight(report: Report, filed: Filed) -> str:
    if filed.repeated:
        return "filed before"
    if report.state is None:
        return "says nothing of the delivery"
    return "applied" if filed.applied else "recorded; more is known already"
