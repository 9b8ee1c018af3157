"""What would change for a running case under another policy? Read only; an order then does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dunning.advice import Advice
from dunning.work import Open
from store.message_records import MessageStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activities.opening import Opening
    from dunning.events import Opened
    from store.cases import CaseRecord
    from store.message_records import MessageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A message that is still to come. The instant is UTC."""

    step: str
    channel: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One case before and after; `now_coming` is what its present policy still plans."""

    invoice_id: str
    state: str
    campaign: str | None
    new_campaign: str | None
    now_coming: tuple[Coming, ...]
    then_coming: tuple[Coming, ...]

    @property
    def differs(self) -> bool:
        """Whether the customer would notice."""
        same = self.now_coming == self.then_coming
        return not same or self.campaign != self.new_campaign


async def preview(
    opening: Opening,
    case: CaseRecord,
    messages: Iterable[MessageRecord],
    digest: str,
    now: datetime,
) -> Change:
    """The case as it is planned, and as it would be; counted from the day it was opened."""
    known = list(messages)
    work = Open(
        advice=case.advice or Advice.MANUAL_REVIEW,
        decline_code=case.decline_code,
        anchor=case.opened_at,
    )
    opened = await opening.plan(case.invoice_id, work, digest, now)
    return Change(
        invoice_id=case.invoice_id,
        state=case.state.value,
        campaign=case.campaign,
        new_campaign=opened.campaign if case.campaign is not None else None,
        now_coming=_planned(known),
        then_coming=_to_come(opened, known, now) if case.campaign is not None else (),
    )


def _planned(messages: list[MessageRecord]) -> tuple[Coming, ...]:
    return tuple(
        Coming(step=m.step, channel=m.channel.value, due_at=m.due_at)
        for m in messages
        if m.status is MessageStatus.PLANNED and m.due_at is not None
    )


def _to_come(opened: Opened, messages: list[MessageRecord], now: datetime) -> tuple[Coming, ...]:
    done = {m.step for m in messages if m.status is not MessageStatus.PLANNED}
    waiting = {m.step for m in messages if m.status is MessageStatus.PLANNED}
    return tuple(
        Coming(step=step.id, channel=step.channel.value, due_at=step.due_at)
        for step in opened.steps
        if step.id not in done and (step.due_at > now or step.id in waiting)
    )
