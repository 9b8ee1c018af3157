"""How is a failed payment handed to the recovery service, and what follows from its answer?

It is written down before anything is tried, and tried under one key: whoever goes on with it after
a crash asks for the same charge again, which is then looked up and not repeated.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dunning.advice import Advice
from dunning.charge import (
    ChargeOrder,
    ChargeResult,
    Collected,
    Declined,
    NotCharged,
    Pending,
    Purpose,
    PutOff,
)
from dunning.directory import InvoiceStatus
from dunning.errors import ProviderError
from dunning.handover import Handover, HandoverStatus, advised, told
from dunning.ports import DeclineDictionary
from dunning.recovery import ASKED_SOURCE
from dunning.registration import InvoiceRegistration
from store.errors import DatabaseDownError
from store.facts import pending
from store.inbox import NewEvent
from store.recoveries import Conclusion, Recoveries, Recovery
from web import recovery_check
from web.operations import Operations
from web.recovery_check import RecoveryCheck

_log = structlog.get_logger(__name__)

# What broke on the way is tried again after this, at the earliest.
_AGAIN = timedelta(minutes=1)
_SOON = timedelta(seconds=1)
# A failure that nobody has explained by then is a person's affair.
_PATIENCE = timedelta(hours=1)


class Charging(Protocol):
    """Has cards charged, each order once."""

    async def attempt(self, order: ChargeOrder, now: datetime) -> ChargeResult:
        """Charge, or find out what came of the same order before."""
        ...

    async def hear(self, now: datetime, invoice_id: str | None = None) -> int:
        """Keep how charges have ended that had no outcome yet, of one invoice or of all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryDesk:
    """Takes failed payments and sees each of them through. Without `charging` none is taken."""

    operations: Operations
    recoveries: Recoveries
    charging: Charging | None
    dictionary: DeclineDictionary | None
    now: Callable[[], datetime]
    test_mode: bool = False

    async def start(
        self,
        invoice_id: str,
        handed: Handover,
        patch: InvoiceRegistration | None = None,
        *,
        request_id: str | None = None,
    ) -> Recovery:
        """Register the invoice and have its payment tried; the same request is the same recovery.

        Raise NotRecoverableError, OrderRefusedError, InvoiceNotFoundError or RegistryError, before
        anything was tried.
        """
        same = await self.recoveries.same(handed.key, request_id)
        if same is not None:
            return await self._now(recovery_check.same(invoice_id, same))
        await self._check.of(invoice_id, handed, patch)
        if patch is not None:
            await self.operations.put(invoice_id, patch)
        begun = await self.recoveries.begin(invoice_id, handed, request_id, self.now())
        recovery = recovery_check.begun(invoice_id, begun)
        return await self._try(recovery) if begun.ours else recovery

    async def go_on(self) -> int:
        """Try what was put off or never answered, and show to a person what nobody explained."""
        done = 0
        # One at a time, so that no lease runs out before its turn comes.
        while due := await self.recoveries.claim(self.now(), 1):
            for recovery in due:
                await self._go_on(recovery)
            done += len(due)
        return done

    async def hear(self, invoice_id: str | None = None) -> None:
        """Keep how those have ended of which Revtain has told by itself."""
        if self.charging is not None:
            await self.charging.hear(self.now(), invoice_id)
            await self.recoveries.follow(invoice_id)

    async def _now(self, recovery: Recovery) -> Recovery:
        if not recovery.status.open:
            return recovery
        await self.hear(recovery.invoice_id)
        return await self.recoveries.get(recovery.key) or recovery

    async def _go_on(self, recovery: Recovery) -> None:
        try:
            if recovery.status is HandoverStatus.SCHEDULED:
                await self._try(recovery)
            else:
                await self._show(recovery)
        except DatabaseDownError:
            raise
        except Exception as fault:  # noqa: BLE001 (one must not keep the others, nor the process)
            where = "".join(traceback.format_tb(fault.__traceback__))
            _log.error("recovery_failed", key=recovery.key, fault=type(fault).__name__, where=where)

    @property
    def _check(self) -> RecoveryCheck:
        return RecoveryCheck(
            registry=self.operations.registry,
            references=self.operations.references,
            recoveries=self.recoveries,
            able=self.charging is not None,
            test_mode=self.test_mode,
        )

    async def _try(self, recovery: Recovery) -> Recovery:
        if self.charging is None:
            return recovery
        handed = recovery.handed
        order = ChargeOrder(
            key=recovery.key,
            invoice_id=recovery.invoice_id,
            purpose=Purpose.RECOVERY,
            decline_code=handed.decline_code,
            card_country=handed.card_country,
            card_prefix=handed.card_prefix,
            fallback_tokens=handed.fallback_tokens,
            simulate=handed.simulate,
        )
        now = self.now()
        try:
            result = await self.charging.attempt(order, now)
        except ProviderError as fault:
            result = PutOff(until=now + _AGAIN, reason=str(fault))
        kept = await self._keep(recovery, result, now)
        self.operations.arrived.set()
        return kept or await self.recoveries.get(recovery.key) or recovery

    async def _keep(
        self, recovery: Recovery, result: ChargeResult, now: datetime
    ) -> Recovery | None:
        """Write the result down, and in the same moment tell it to the case."""
        match result:
            case Collected():
                return await self._collected(recovery, result)
            case Declined():
                return await self._declined(recovery, result, now)
            case Pending():
                status = HandoverStatus.UNKNOWN if result.ambiguous else HandoverStatus.QUEUED
                came = Conclusion(status=status, transaction_id=result.transaction_id)
                word = pending(recovery.invoice_id, recovery.key)
                return await self.recoveries.conclude(recovery.key, came, [word])
            case PutOff():
                until = max(result.until, now + _SOON)
                return await self.recoveries.put_off(recovery.key, until, result.reason)
            case NotCharged():
                came = Conclusion(
                    status=HandoverStatus.REFUSED,
                    reason=result.reason,
                    alarming=not result.nothing_owed,
                )
                return await self.recoveries.conclude(recovery.key, came)

    async def _collected(self, recovery: Recovery, result: Collected) -> Recovery | None:
        """A case that runs already hears of it as of any payment."""
        invoice = await self.operations.registry.get_invoice(recovery.invoice_id)
        if invoice is not None and invoice.status is InvoiceStatus.PAID:
            await self.operations.facts.paid(recovery.invoice_id)
        came = Conclusion(status=HandoverStatus.RECOVERED, transaction_id=result.transaction_id)
        return await self.recoveries.conclude(recovery.key, came)

    async def _declined(
        self, recovery: Recovery, result: Declined, now: datetime
    ) -> Recovery | None:
        code = result.decline_code or recovery.handed.decline_code
        advice = result.advice or await self._advised(recovery.handed, code)
        blocked = advice is Advice.BLOCKED
        came = Conclusion(
            status=HandoverStatus.BLOCKED if blocked else HandoverStatus.FAILED,
            transaction_id=result.transaction_id,
            answered_code=code,
            due_at=now + _PATIENCE if advice is None else None,
        )
        words = [] if advice is None else [_word(recovery, advice, came)]
        return await self.recoveries.conclude(recovery.key, came, words)

    async def _advised(self, handed: Handover, code: str | None) -> Advice | None:
        """What the dictionary of the gateway's codes says, else what our own list does."""
        category = None
        if self.dictionary is not None and handed.gateway is not None and code is not None:
            try:
                meaning = await self.dictionary.meaning(handed.gateway, code)
            except ProviderError:
                meaning = None
            category = None if meaning is None else meaning.category
        return advised(category, code)

    async def _show(self, recovery: Recovery) -> None:
        """Revtain may have said it by itself in the meantime."""
        words = list[NewEvent]()
        if not await self.recoveries.told(recovery):
            came = Conclusion(
                status=recovery.status,
                transaction_id=recovery.transaction_id,
                answered_code=recovery.answered_code,
            )
            words.append(_word(recovery, Advice.MANUAL_REVIEW, came))
        await self.recoveries.leave(recovery, words)
        self.operations.arrived.set()


def _word(recovery: Recovery, advice: Advice, came: Conclusion) -> NewEvent:
    """The decline as the recovery service would have told it."""
    said = told(
        advice,
        key=recovery.key,
        transaction_id=came.transaction_id,
        decline_code=came.answered_code,
    )
    return NewEvent(
        source=ASKED_SOURCE,
        name=said.name,
        body=said.body,
        transaction_id=came.transaction_id,
        idempotency_key=recovery.key,
    )
