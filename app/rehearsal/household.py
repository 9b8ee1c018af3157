"""What would one customer have got under a policy? All their cases, in calendar order.

The rule book decides as it does in production (`dunning.case.apply`); here are the answers that
the activities would have given it. What they read and write in the database stands in this value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from activities.attempt import Attempt
from activities.company import SEVERAL
from activities.opening import on_course, terms_of
from activities.wayfinding import conclusion, leads_on, over_road
from activities.zones import whereabouts
from app.rehearsal.life import Life
from dunning.case import Event, apply
from dunning.channel import Channel
from dunning.charge import Pending
from dunning.choice import choose
from dunning.conditions import Facts
from dunning.consent import ConsentRule
from dunning.course import course
from dunning.directory import Contact
from dunning.events import (
    Alerted,
    Charged,
    Closed,
    Deferred,
    NotSent,
    NudgeEnded,
    NudgeResult,
    Opened,
    Projected,
    Sent,
    Terms,
)
from dunning.policy import Policy
from dunning.states import State, Withheld
from dunning.steps import Step, find
from dunning.windows import fitting, next_open
from dunning.work import Charge, Close, Nudge, Open, Project, Work
from store.past_cases import PastCase

_NONE = timedelta(0)
_MOST_COMPANIONS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that would have left; `several` when it speaks of further invoices."""

    life: Life
    step: Step
    at: datetime
    several: bool
    receipt: bool

    @property
    def template(self) -> str:
        """The words that it has."""
        return SEVERAL if self.several else self.step.template


@dataclass(frozen=True, slots=True)
class Book:
    """A policy, and what is taken from it once rather than for each case.

    `frame` is all of it that decides what is sent, campaigns aside.
    """

    policy: Policy
    terms: Terms
    digest: str
    frame: str

    @classmethod
    def of(cls, policy: Policy) -> Book:
        """The rest from the policy."""
        frame = policy.model_dump_json(exclude={"campaigns", "brand", "prices"})
        return cls(policy, terms_of(policy), policy.digest, frame)


@dataclass(slots=True)
class Household:
    """The cases of one customer, and every message that left."""

    book: Book
    lives: list[Life]
    messages: list[Message] = field(default_factory=list[Message])

    @classmethod
    def of(cls, book: Book, cases: Iterable[PastCase]) -> Household:
        """Nothing has happened yet."""
        zone = book.policy.account.timezone
        return cls(book, [Life.of(c, whereabouts(c.invoice.contact, zone)) for c in cases])

    def same_under(self, book: Book) -> bool:
        """Whether another policy would decide the same, now that this one has."""
        return self.book.frame == book.frame and all(
            choose(book.policy, life.facts).campaign == life.campaign
            for life in self.lives
            if life.facts is not None
        )

    def live(self, until: datetime) -> Household:
        """Everything that happens up to an instant."""
        queue = [(life.past.opened_at, number) for number, life in enumerate(self.lives)]
        heapify(queue)
        while queue and queue[0][0] <= until:
            now, number = heappop(queue)
            life = self.lives[number]
            self._play(life, life.event(now), now)
            following = life.next_at(now)
            if following is not None:
                heappush(queue, (max(following, now), number))
        return self

    def _play(self, life: Life, event: Event, now: datetime) -> None:
        life.case, work = apply(life.case, event, now)
        while work is not None:
            life.case, work = apply(life.case, self._result(life, work, now), now)

    def _result(self, life: Life, work: Work, now: datetime) -> Event:
        match work:
            case Open():
                return self._open(life, work)
            case Nudge(step=step):
                return NudgeEnded(step=step.id, result=self._nudge(life, step, now))
            case Charge():
                # What came of the card is among the events of the past.
                return Charged(result=Pending(transaction_id=None))
            case Project():
                return Projected()
            case Close():
                receipt = life.case.receipt
                return Closed(receipt=self._nudge(life, receipt, now) if receipt else None)

    # --- opening

    def _open(self, life: Life, work: Open) -> Opened:
        policy, invoice = self.book.policy, life.past.invoice
        opened = Opened(
            policy_digest=self.book.digest,
            terms=self.book.terms,
            advice=work.advice,
            decline_code=work.decline_code,
        )
        if not work.advice.writes:
            return opened
        life.facts = Facts(advice=work.advice, invoice=invoice, decline_code=work.decline_code)
        found = course(
            policy,
            life.facts,
            start=work.anchor,
            where=life.where,
            open_cases=sum(other.open for other in self.lives),
        )
        life.campaign, life.plan = found.choice.campaign, found.plan
        return on_course(opened, found)

    # --- a nudge

    def _nudge(self, life: Life, step: Step, now: datetime) -> NudgeResult:
        """The step over the first channel that can be used."""
        if step.alert:
            return Alerted(at=now)
        told = life.told.get(step.id)
        if told is not None:
            return Sent(at=told)
        attempt = Attempt(case=life.case, step=step, now=now, number=1)
        results: list[NudgeResult] = []
        for road in attempt.roads:
            result = self._held_back(life, road) or self._send(life, road)
            results.append(over_road(result, road, attempt))
            if not leads_on(result):
                break
        return conclusion(results)

    def _held_back(self, life: Life, attempt: Attempt) -> NotSent | Deferred | None:
        now, channel = attempt.now, attempt.step.channel
        reason = _forbidden(life.past, channel, self.book.policy, now)
        if reason is not None:
            return NotSent(reason=reason, at=now)
        if not attempt.receipt and life.told:
            rested = max(life.told.values()) + self.book.policy.spacing
            if rested > now:
                return Deferred(until=rested, reason="spoken of with another invoice")
        opens = self._opens(life, channel, now)
        if opens is None:
            return NotSent(reason=Withheld.NO_WINDOW, at=now)
        if opens > now:
            return Deferred(until=opens, reason="outside the recipient's hours")
        return None

    def _opens(self, life: Life, channel: Channel, now: datetime) -> datetime | None:
        windows = self.book.policy.windows
        opens = next_open(windows, channel, life.where, now)
        if opens is not None:
            return opens
        where = fitting(windows, channel, life.where, now)
        return next_open(windows, channel, where, now) if where else None

    def _send(self, life: Life, attempt: Attempt) -> Sent | NotSent:
        now, step = attempt.now, attempt.step
        if attempt.within_budget and self._over_budget(step.channel, now):
            return NotSent(reason=Withheld.OVER_BUDGET, at=now)
        company = self._company(life, attempt)
        for other, companion in company:
            other.told[companion.id] = now
        self.messages.append(
            Message(life=life, step=step, at=now, several=bool(company), receipt=attempt.receipt)
        )
        life.last_at = now
        return Sent(at=now, together_with=tuple(one.past.invoice.id for one, _ in company))

    def _over_budget(self, channel: Channel, now: datetime) -> bool:
        limit = self.book.policy.budget.of(channel)
        if limit is None:
            return False
        since = now - limit.per
        counted = (
            m.at > since and m.step.channel is channel and not m.receipt for m in self.messages
        )
        return sum(counted) >= limit.most

    def _company(self, life: Life, attempt: Attempt) -> list[tuple[Life, Step]]:
        """Plain reminders of the customer's other cases that are due soon on the same channel."""
        if not life.case.joins(attempt.step):
            return []
        found = (
            (other, self._companion(other, attempt))
            for other in self.lives
            if other.past.invoice.id != life.past.invoice.id
        )
        return [(other, step) for other, step in found if step][:_MOST_COMPANIONS]

    def _companion(self, other: Life, attempt: Attempt) -> Step | None:
        policy, now, case = self.book.policy, attempt.now, other.case
        if case.state is not State.WAITING or other.ends_by(now):
            return None
        name, due = case.next(now)
        step = find(case.steps, name) if name else None
        if step is None or due is None or step.id in other.told or not case.joins(step):
            return None
        rested = other.last_at is None or other.last_at + policy.spacing <= now
        near = due - now <= policy.merge_within != _NONE
        fits = rested and near and step.channel is attempt.step.channel
        return step if fits else None


def _forbidden(past: PastCase, channel: Channel, policy: Policy, now: datetime) -> Withheld | None:
    contact = past.invoice.contact
    if contact.excluded:
        return Withheld.EXCLUDED
    if not _reachable(contact, channel):
        return Withheld.NO_ADDRESS
    consent = contact.sms_consent_at
    required = policy.consent.sms is ConsentRule.REQUIRED
    if channel is Channel.SMS and required and (consent is None or consent > now):
        return Withheld.NO_CONSENT
    closed = (c for c in past.closed_channels if c.channel is channel and c.since <= now)
    return next((Withheld(c.reason) for c in closed), None)


def _reachable(contact: Contact, channel: Channel) -> bool:
    match channel:
        case Channel.EMAIL:
            return contact.email is not None
        case Channel.SMS:
            return contact.phone is not None
        case Channel.PUSH:
            return bool(contact.push_tokens)
