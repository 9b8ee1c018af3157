"""How is one step carried out, so that it is never sent twice and never sent in vain?

Truth, window, company, letter, ledger, send, record: in this order. Nothing is sent unless the
ledger row was reserved in the same breath in which the store said that the debt is open; what
happened is recorded before anything else may happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from activities.attempt import Attempt
from activities.company import Company, Gathering
from activities.confirming import unconfirmed
from activities.delivery import Delivery
from activities.letters import Letter, Postbox, Writer
from activities.pausing import Pausing
from activities.policies import Policies
from activities.reaching import Reaching
from activities.team_alert import tell_team
from activities.truth import Truth, settled
from activities.wayfinding import conclusion, leads_on, over_road
from activities.zones import whereabouts
from dunning.channel import Channel
from dunning.directory import Contact, address_of
from dunning.endings import as_told
from dunning.errors import ProviderUnavailableError
from dunning.events import Deferred, NotSent, NudgeResult
from dunning.facts import of_service
from dunning.policy import Policy
from dunning.states import State, Withheld
from dunning.whereabouts import Whereabouts
from dunning.windows import fitting, next_open, time_left
from store.alerts import Alerts
from store.ledger import Ledger
from store.message_records import MessageStatus
from store.reservations import (
    Apart,
    Draft,
    Elsewhere,
    Found,
    Hindrance,
    OverBudget,
    Reservation,
    Reserved,
    Settled,
    SpokenOf,
    SuccessPending,
    Suppressed,
)
from store.standing import Standing

# What these rows say of a message certainly left the customer without it.
_LEAVES_ROADS = frozenset({MessageStatus.PLANNED, MessageStatus.REFUSED})
# And with these the customer may have it.
_BEGUN = frozenset({MessageStatus.RESERVED, MessageStatus.SENT, MessageStatus.UNKNOWN})
# Then the message goes alone: who cannot come along any more is about to be dealt with.
_LOOKS_FOR_COMPANY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudger:
    """Carries steps out."""

    truth: Truth
    policies: Policies
    ledger: Ledger
    writer: Writer
    postbox: Postbox
    reaching: Reaching
    pausing: Pausing
    alerts: Alerts

    async def send(self, invoice_id: str, attempt: Attempt) -> NudgeResult:
        """Carry one step out. Raise a retryable fault when the vendor may take it in a moment."""
        standing = await self.truth.of(invoice_id, attempt.now)
        tried = await self._tried(attempt)
        touched = _touched(attempt, tried)
        if touched is not None:
            road, found = touched
            known = await self._delivery.known(found, standing.invoice.contact, road)
            return over_road(known, road, attempt)
        end = settled(standing)
        if end is not None and not attempt.receipt:
            return end
        if standing.amount_differs and not attempt.receipt:
            if attempt.case.state is State.CLOSED:
                return NotSent(reason=Withheld.AMOUNT_DIFFERS, at=attempt.now)
            return attempt.soon("a success with another amount is about to stop the case")
        if attempt.step.alert:
            return await tell_team(self.alerts, invoice_id, attempt)
        return await self._over_roads(standing, attempt, tried)

    async def _tried(self, attempt: Attempt) -> Mapping[Channel, Found]:
        """What became of the step before; what was only reserved certainly never left."""
        tried = await self.ledger.of_step(attempt.case.workflow_id, attempt.step.id)
        idle = [one for one in tried.values() if _never_left(one)]
        if not idle:
            return tried
        for one in idle:
            await self.ledger.take_back(one)
        return await self.ledger.of_step(attempt.case.workflow_id, attempt.step.id)

    async def _over_roads(
        self, standing: Standing, attempt: Attempt, tried: Mapping[Channel, Found]
    ) -> NudgeResult:
        """Over the first channel that can be used; what a vendor refused for good is passed by."""
        _, policy = await self.policies.pin(attempt.case.policy_digest)
        held = unconfirmed(standing, policy, attempt)
        if held is not None:
            return held
        contact, results = standing.invoice.contact, list[NudgeResult]()
        for road in attempt.roads:
            found = tried.get(road.step.channel)
            if found is not None and found.status is MessageStatus.REFUSED:
                result = await self._delivery.known(found, contact, road)
            else:
                where = await self._way(contact, policy, road)
                result = (
                    await self._carry_out(standing, policy, road, where)
                    if isinstance(where, Whereabouts)
                    else where
                )
            results.append(over_road(result, road, attempt))
            if not leads_on(result):
                break
        return conclusion(results)

    @property
    def _delivery(self) -> Delivery:
        return Delivery(
            ledger=self.ledger,
            postbox=self.postbox,
            suppressions=self.reaching.suppressions,
            pausing=self.pausing,
        )

    @property
    def _gathering(self) -> Gathering:
        return Gathering(
            truth=self.truth, policies=self.policies, ledger=self.ledger, links=self.writer.links
        )

    async def _way(
        self, contact: Contact, policy: Policy, attempt: Attempt
    ) -> Whereabouts | NotSent | Deferred:
        """Where the message may go to now; what has to wait is not taken from the ledger."""
        where = await self._allowed(contact, policy, attempt)
        if not isinstance(where, Whereabouts):
            return where
        waits = await self.pausing.wait(attempt.step.channel, attempt.now)
        if waits is not None:
            return waits
        try:
            await self.postbox.ready(attempt.step.channel)
        except ProviderUnavailableError as fault:
            return attempt.again(fault)
        return where

    async def _allowed(
        self, contact: Contact, policy: Policy, attempt: Attempt
    ) -> Whereabouts | NotSent | Deferred:
        """Where the message may go to, or why it may not."""
        reason = await self.reaching.forbidden(
            contact, attempt.step.channel, policy, essential=attempt.essential
        )
        if reason is not None:
            return NotSent(reason=reason, at=attempt.now)
        return _window(contact, policy, attempt)

    async def _carry_out(
        self,
        standing: Standing,
        policy: Policy,
        attempt: Attempt,
        where: Whereabouts,
        looks: int = _LOOKS_FOR_COMPANY,
    ) -> NudgeResult:
        contact, company = standing.invoice.contact, Company()
        if looks:
            company = await self._gathering.of(attempt, contact, policy)
        letter = self._write(standing, policy, attempt, where, company)
        held = await self._reserve(letter, contact, policy, attempt, company)
        match held:
            case Reserved():
                sent = await self._delivery.post(letter, held, contact, attempt)
                return company.named_in(sent)
            case Found():
                return await self._delivery.known(held, contact, attempt)
            case Apart():
                return await self._carry_out(standing, policy, attempt, where, looks - 1)
            case _:
                return _hindered(held, policy, attempt)

    def _write(
        self,
        standing: Standing,
        policy: Policy,
        attempt: Attempt,
        where: Whereabouts,
        company: Company,
    ) -> Letter:
        return self.writer.write(
            step=company.wording(attempt.step),
            case=as_told(attempt.case, attempt.step, attempt.now),
            invoice=standing.invoice,
            policy=policy,
            zone=where.zone,
            valid_for=time_left(policy.windows, attempt.step.channel, where, attempt.now),
            others=company.lines,
        )

    async def _reserve(
        self,
        letter: Letter,
        contact: Contact,
        policy: Policy,
        attempt: Attempt,
        company: Company,
    ) -> Reservation:
        step = attempt.step
        draft = Draft(
            step=step.id,
            channel=step.channel,
            template=step.template,
            due_at=step.due_at,
            now=attempt.now,
            body_digest=letter.digest,
            address=address_of(contact, step.channel),
            subject=letter.subject,
            text=letter.text,
            after_payment=attempt.receipt,
            of_service=of_service(step),
            essential=attempt.essential,
            spacing=policy.spacing if attempt.spaced else timedelta(0),
        )
        return await self.ledger.reserve(
            attempt.case.workflow_id,
            draft,
            limit=policy.budget.of(step.channel) if attempt.within_budget else None,
            companions=company.message_ids,
        )


def _hindered(by: Hindrance, policy: Policy, attempt: Attempt) -> NotSent | Deferred:
    match by:
        case OverBudget():
            return NotSent(reason=Withheld.OVER_BUDGET, at=attempt.now)
        case SpokenOf(at=at):
            # The case itself does not know yet of a message that another case sent for it (R8).
            return Deferred(until=at + policy.spacing, reason="spoken of with another invoice")
        case Suppressed():
            # Closed within the last milliseconds: the next look sees why.
            return attempt.soon("the address was closed in this very moment")
        case SuccessPending():
            return attempt.soon("a success was received that is not settled yet")
        case Settled():
            # Paid or closed within the last milliseconds: the next look sees it.
            return attempt.soon("the debt was settled in this very moment")
        case Elsewhere():
            return attempt.soon("the step is on its way over another channel")


def _never_left(found: Found) -> bool:
    """Whoever reserved it is gone: an attempt begins when the one before has ended.

    The message of another case is waited for as long as somebody may be busy with it.
    """
    gone = found.stale or found.merged_into is None
    return found.status is MessageStatus.RESERVED and gone and not found.requested


def _touched(attempt: Attempt, tried: Mapping[Channel, Found]) -> tuple[Attempt, Found] | None:
    """The channel on which something became of the step, be it none that it is planned for now.

    The plan may have changed after another case spoke of the invoice under the old one.
    """
    begun = (attempt.over(channel) for channel, found in tried.items() if found.status in _BEGUN)
    for road in (*begun, *attempt.roads):
        found = tried.get(road.step.channel)
        if found is not None and found.status not in _LEAVES_ROADS:
            return road, found
    return None


def _window(contact: Contact, policy: Policy, attempt: Attempt) -> Whereabouts | NotSent | Deferred:
    anywhere = whereabouts(contact, policy.account.timezone)
    where = fitting(policy.windows, attempt.step.channel, anywhere, attempt.now)
    if where is None:
        return NotSent(reason=Withheld.NO_WINDOW, at=attempt.now)
    opens = next_open(policy.windows, attempt.step.channel, where, attempt.now)
    if opens is None:
        return NotSent(reason=Withheld.NO_WINDOW, at=attempt.now)
    if opens > attempt.now:
        return Deferred(until=opens, reason="outside the recipient's hours")
    return where
