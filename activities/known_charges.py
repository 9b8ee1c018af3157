"""How does a charge stand that was asked for, and what follows from its end?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.charge_answers import Answers, result_of
from dunning.alert import Alert, AlertKind
from dunning.charge import ChargeResult, Pending, PutOff
from dunning.errors import (
    ProviderError,
    ProviderMisconfiguredError,
    ProviderUnavailableError,
)
from dunning.ports import CallLimit, RecoverySource
from dunning.recovery import RecoveryAnswer
from dunning.settlement import Settlement
from store.alerts import Alerts
from store.charges import Answered, Charge, ChargeOutcome, Charges, ChargeStage
from store.settlement import Settlements

# For a turn to call nobody waits longer: the case waits, not the attempt.
PATIENCE = timedelta(seconds=15)
# A request that the service still does not know of after this was never taken.
ARRIVED_BY = timedelta(minutes=2)
SOON = timedelta(minutes=1)
_AT_ONCE = 100
MENDING = timedelta(minutes=5)

NO_KEY = "REVTAIN_API_KEY is not set, so that no card can be charged"
NO_ANSWER = "no answer has come to the request for the charge yet"
IN_THIS_MOMENT = "the debt was settled in this very moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCharges:
    """Asks how charges stand, and commits what is said of them."""

    charges: Charges
    settlements: Settlements
    answers: Answers
    limit: CallLimit
    alerts: Alerts
    source: RecoverySource | None

    async def named(self, key: str, answered: Answered) -> Answered:
        """The answer with its transaction, by which alone a webhook will speak of it.

        To a charge that was blocked, the service answers without one.
        """
        if answered.transaction_id is not None or self.source is None:
            return answered
        try:
            async with self.limit.calling(PATIENCE):
                standing = await self.source.by_key(key)
        except ProviderError:
            return answered
        if standing is None:
            return answered
        return replace(answered, transaction_id=standing.transaction_id)

    async def explained(self, failed: Answered) -> Answered:
        """The failure with what the service recommends, if it says so when it is asked."""
        if failed.transaction_id is None or self.source is None:
            return failed
        try:
            async with self.limit.calling(PATIENCE):
                standing = await self.source.by_transaction(failed.transaction_id)
        except ProviderError:
            return failed
        if standing is None:
            return failed
        told = self.answers.of_standing(standing)
        if told.outcome is not ChargeOutcome.FAILED:
            return failed
        return replace(failed, advice=told.advice, code=failed.code or told.code)

    async def look_up(self, charge: Charge, now: datetime) -> ChargeResult | None:
        """How a charge stands of which no last word is known; None when nobody knows of it."""
        standing = await self._ask(charge, now)
        if isinstance(standing, PutOff):
            return standing
        if standing is None:
            return None if charge.stage is ChargeStage.REQUESTED else result_of(charge)
        if not self.answers.waits_still(standing):
            return await self.conclude(charge.key, self.answers.of_standing(standing), now)
        outcome = charge.outcome or ChargeOutcome.UNKNOWN
        still = Answered(outcome=outcome, transaction_id=standing.transaction_id)
        return await self.conclude(charge.key, still, now)

    async def _ask(self, charge: Charge, now: datetime) -> RecoveryAnswer | PutOff | None:
        if self.source is None:
            return await self.cannot(NO_KEY, now)
        try:
            async with self.limit.calling(PATIENCE):
                return await self._standing(self.source, charge)
        except ProviderMisconfiguredError as fault:
            return await self.cannot(fault.reason, now)
        except ProviderUnavailableError as fault:
            return PutOff(until=now + max(fault.retry_after or SOON, SOON), reason=fault.reason)
        except ProviderError:
            return PutOff(until=now + ARRIVED_BY, reason=NO_ANSWER)

    async def _standing(self, source: RecoverySource, charge: Charge) -> RecoveryAnswer | None:
        if charge.transaction_id is not None:
            return await source.by_transaction(charge.transaction_id)
        return await source.by_key(charge.key)

    async def hear(self, now: datetime, invoice_id: str | None = None) -> int:
        """Keep the ends of charges that the service has told by itself, a few at a time."""
        told = await self.charges.told(invoice_id, _AT_ONCE)
        for one in told:
            await self.charges.answer(one.key, self.answers.of_event(one), now)
        return len(told)

    async def conclude(self, key: str, answered: Answered, now: datetime) -> ChargeResult:
        """Written down before anything follows from it."""
        charge = await self.charges.answer(key, answered, now) or await self.charges.get(key)
        if charge is None:
            return PutOff(until=now + SOON, reason=IN_THIS_MOMENT)
        return await self.result(charge, now)

    async def result(self, charge: Charge, now: datetime) -> ChargeResult:
        """What an answered charge means; money is committed to the invoice first (R1)."""
        if charge.outcome is not ChargeOutcome.RECOVERED:
            return result_of(charge)
        done = await self.settlements.settle(
            charge.invoice_id, charge.money, charge.transaction_id, now, key=charge.key
        )
        if done.settlement is Settlement.DIFFERS:
            # What is owed changed on the way; the event of this success brings it to a person.
            return Pending(transaction_id=charge.transaction_id, card=charge.card)
        return result_of(charge, done.cause)

    async def cannot(self, reason: str, now: datetime) -> PutOff:
        """The service cannot be asked until a person mends something."""
        await self.alert(reason, now)
        return PutOff(until=now + MENDING, reason=reason)

    async def alert(self, reason: str, now: datetime) -> None:
        """The team hears once a day; every case would say the same."""
        await self.alerts.add(
            Alert(
                kind=AlertKind.CREDENTIALS,
                subject="revtain",
                detail={"reason": reason},
                identity=f"charges {now:%Y-%m-%d}",
            )
        )


def known_by(charge: Charge, now: datetime) -> datetime:
    """When the service must know of a request, if it ever arrived."""
    return max((charge.requested_at or now) + ARRIVED_BY, now + SOON)


def may_arrive(charge: Charge, now: datetime) -> bool:
    """Whether a request that the service does not know of may still be on its way."""
    return charge.requested_at is not None and now - charge.requested_at < ARRIVED_BY
