"""How is a card charged, so that it is never charged twice and never in vain?

Truth, other charges, turn, reserve, request, record: in this order. That the request leaves is
committed before it does; whoever comes upon a charge of which no answer is known asks how it
stands, and does not make it again while that can be found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.confirming import confirmed
from activities.known_charges import (
    ARRIVED_BY,
    IN_THIS_MOMENT,
    MENDING,
    NO_ANSWER,
    NO_KEY,
    PATIENCE,
    SOON,
    KnownCharges,
    known_by,
    may_arrive,
)
from activities.policies import Policies
from activities.truth import Truth, settled
from dunning.charge import (
    ChargeAnswer,
    ChargeOrder,
    ChargeRequest,
    ChargeResult,
    ChargeStatus,
    Collected,
    Declined,
    NotCharged,
    Purpose,
    PutOff,
)
from dunning.charge_pace import APART, TOO_SOON
from dunning.errors import (
    OutcomeUnknownError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
)
from dunning.events import Settled
from dunning.ports import CallLimit, Charger
from dunning.states import Outcome
from store.charges import (
    NAMED_TWICE,
    Answered,
    Charge,
    ChargeOutcome,
    Charges,
    ChargeStage,
    Reserved,
)
from store.standing import Standing

_LONGEST = timedelta(minutes=30)
_UNCONFIRMED = timedelta(minutes=15)
_DOUBLINGS = 5

NOT_CONFIRMED = "no directory says whether it is still owed"
NOTHING_OWED = "nothing is owed any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging:
    """Has cards charged, each order once. Without a `charger` nothing is charged, nor lost."""

    truth: Truth
    policies: Policies
    charges: Charges
    known: KnownCharges
    limit: CallLimit
    charger: Charger | None

    async def attempt(self, order: ChargeOrder, now: datetime) -> ChargeResult:
        """Charge, or find out what came of the same order before. `now` is the case's time."""
        standing = await self.truth.of(order.invoice_id, now)
        charge = await self.charges.get(order.key)
        if charge is not None and charge.invoice_id != order.invoice_id:
            return NotCharged(reason=NAMED_TWICE)
        if charge is not None and charge.outcome is ChargeOutcome.RECOVERED:
            return await self.known.result(charge, now)
        end = settled(standing)
        if end is not None:
            return _ended(end)
        if charge is not None and charge.stage is not ChargeStage.PLANNED:
            return await self._go_on(order, standing, charge, now)
        held = await self._held(order, standing, now)
        return held or await self._request(order, standing, now)

    async def hear(self, now: datetime, invoice_id: str | None = None) -> int:
        """Keep how charges have ended that had no outcome yet, of one invoice or of all."""
        return await self.known.hear(now, invoice_id)

    async def _held(
        self, order: ChargeOrder, standing: Standing, now: datetime
    ) -> ChargeResult | None:
        """Why the card is not charged now; None when it may be."""
        if self.charger is None:
            return await self.known.cannot(NO_KEY, now)
        _, policy = await self.policies.pin(None)
        if not confirmed(standing, policy, now):
            return PutOff(until=now + _UNCONFIRMED, reason=NOT_CONFIRMED)
        for other in await self.charges.unsettled(order):
            result = await self.known.look_up(other, now)
            if result is None and may_arrive(other, now):
                return PutOff(until=known_by(other, now), reason=NO_ANSWER)
            if result is None:
                await self.charges.forget(other)
            elif not isinstance(result, Declined):
                return result
        return None

    async def _go_on(
        self, order: ChargeOrder, standing: Standing, charge: Charge, now: datetime
    ) -> ChargeResult:
        """With a charge that was requested before, and perhaps answered."""
        if charge.outcome is not None and charge.outcome.final:
            return await self.known.result(charge, now)
        result = await self.known.look_up(charge, now)
        if result is not None:
            return result
        if may_arrive(charge, now):
            return PutOff(until=known_by(charge, now), reason=NO_ANSWER)
        # The key makes that safe: should the first request have arrived after all, the service
        # takes the second for its duplicate and says what came of it.
        held = await self._held(order, standing, now)
        return held or await self._request(order, standing, now, again=charge.requested_at)

    async def _request(
        self,
        order: ChargeOrder,
        standing: Standing,
        now: datetime,
        *,
        again: datetime | None = None,
    ) -> ChargeResult:
        if self.charger is None:
            return await self.known.cannot(NO_KEY, now)
        reserved: Reserved | None = None
        try:
            async with self.limit.calling(PATIENCE):
                held = await self.charges.reserve(order, now, again=again)
                if not isinstance(held, Reserved):
                    return await self._not_reserved(held, now)
                reserved = held
                answer = await self.charger.charge(_request_of(order, standing, reserved))
        except ProviderUnavailableError as fault:
            return await self._not_taken(order, reserved, fault, now)
        except ProviderRejectedError as fault:
            refused = Answered(outcome=ChargeOutcome.REFUSED, reason=fault.reason)
            return await self.known.conclude(order.key, refused, now)
        except OutcomeUnknownError:
            return await self._unanswered(order.key, now)
        return await self._answered(order, reserved, answer, now)

    async def _not_reserved(
        self, held: Charge | PutOff | NotCharged | object, now: datetime
    ) -> ChargeResult:
        match held:
            case PutOff() | NotCharged():
                return held
            case Charge() if held.stage is ChargeStage.ANSWERED:
                return await self.known.result(held, now)
            case Charge():
                return PutOff(until=known_by(held, now), reason=NO_ANSWER)
            case _:
                return PutOff(until=now + SOON, reason=IN_THIS_MOMENT)

    async def _not_taken(
        self,
        order: ChargeOrder,
        reserved: Reserved | None,
        fault: ProviderUnavailableError,
        now: datetime,
    ) -> PutOff:
        """The service certainly did not take it: the same charge may be asked for again."""
        ours = isinstance(fault, ProviderMisconfiguredError)
        tries = reserved.tries if reserved else 0
        pause = min((MENDING if ours else SOON) * (1 << min(tries, _DOUBLINGS)), _LONGEST)
        wait = pause if ours else max(pause, fault.retry_after or pause)
        if ours:
            await self.known.alert(fault.reason, now)
        put_off = PutOff(until=now + wait, reason=fault.reason)
        if reserved is not None:
            until, reason = put_off.until, put_off.reason
            await self.charges.release(order, reserved, until, reason, counts=True)
        return put_off

    async def _answered(
        self, order: ChargeOrder, reserved: Reserved, answer: ChargeAnswer, now: datetime
    ) -> ChargeResult:
        answered = self.known.answers.of_charge(answer)
        if answered is None:
            # It collided with another charge, whose transaction is not ours.
            until = now + APART
            await self.charges.release(order, reserved, until, TOO_SOON)
            return PutOff(until=until, reason=TOO_SOON)
        answered = await self.known.named(order.key, answered)
        if answer.status is ChargeStatus.FAILED and answered.advice is None:
            answered = await self.known.explained(answered)
        return await self.known.conclude(order.key, answered, now)

    async def _unanswered(self, key: str, now: datetime) -> ChargeResult:
        """The answer was lost: the charge is looked for, and never made again blindly."""
        charge = await self.charges.get(key)
        result = None if charge is None else await self.known.look_up(charge, now)
        return result or PutOff(until=now + ARRIVED_BY, reason=NO_ANSWER)


def _ended(end: Settled) -> ChargeResult:
    if end.outcome is Outcome.RECOVERED:
        return Collected(transaction_id=None, cause=end.cause)
    return NotCharged(reason=NOTHING_OWED, nothing_owed=True)


def _request_of(order: ChargeOrder, standing: Standing, reserved: Reserved) -> ChargeRequest:
    """Why an earlier card was declined says nothing of the one that took its place."""
    other = order.purpose is Purpose.RETRY and standing.replaced_card is not None
    return ChargeRequest(
        token=reserved.token,
        money=reserved.money,
        idempotency_key=order.key,
        decline_code=None if other else order.decline_code,
        customer_email=standing.invoice.contact.email,
        card_country=order.card_country,
        card_prefix=order.card_prefix,
        fallback_tokens=order.fallback_tokens,
        simulate=order.simulate,
    )
