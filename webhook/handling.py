"""What does each kind of event do? To the store first, then to its case."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from dunning import advice
from dunning.events import (
    AmountDiffers,
    CardReplaced,
    Failed,
    MessageSettled,
    Recovered,
    Voided,
)
from dunning.forecast import Shown
from dunning.inbound import InboundEvent, InboundKind
from dunning.ports import InboundReader
from dunning.recovery import ASKED_SOURCE
from dunning.settlement import Settlement
from dunning.states import Cause, State
from store.cases import Cases
from store.facts import (
    API_SOURCE,
    INVOICE_CARD,
    INVOICE_PAID,
    INVOICE_VOIDED,
    RECOVERY_PENDING,
)
from store.inbox import ClaimedEvent
from store.matching import Match, Matching, Reference
from store.openings import Opening, OpeningKind
from store.registry import Registry
from store.resolutions import MESSAGE_SETTLED
from store.settlement import Settled, Settlements
from webhook.figures import remarks
from workflows.client import CaseClient, Fact, Opened
from workflows.contracts import CaseInput
from workflows.errors import TemporalDownError

_log = structlog.get_logger(__name__)

Done = tuple[str | None, str | None]


class UnmatchedError(Exception):
    """Nobody knows yet what an event is about; the text says what is missing."""


@dataclass(slots=True)
class Handled:
    """What became of a batch."""

    done: list[tuple[int, str | None, str | None]] = field(
        default_factory=list[tuple[int, str | None, str | None]]
    )
    parked: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    failed: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


@dataclass(frozen=True, slots=True)
class _Item:
    claimed: ClaimedEvent
    event: InboundEvent

    @property
    def id(self) -> str:
        return f"e{self.claimed.id}"


@dataclass(frozen=True, slots=True)
class _Failure:
    event: Failed
    opening: Opening
    shown: Shown | None


class Finder(Protocol):
    """Looks elsewhere for what nobody registered."""

    async def find(self, transaction_ids: Sequence[str], now: datetime) -> None:
        """Register the invoices of transactions, those that are known anywhere."""
        ...


class EventHandler(Protocol):
    """Handles the events of one source, one at a time."""

    async def handle(self, event: ClaimedEvent) -> Done:
        """The invoice that it was about, if any, and a word on what was done.

        Raise `UnmatchedError` to have the event parked, any other fault to have it put off.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Handles batches of claimed events. `test_mode` lets simulated events act.

    `others` handle what does not come from the recovery service, by source.
    """

    reader: InboundReader
    matching: Matching
    settlements: Settlements
    registry: Registry
    cases: Cases
    client: CaseClient
    forecasts: Callable[[Mapping[str, Failed]], Awaitable[Mapping[str, Shown]]]
    now: Callable[[], datetime]
    others: Mapping[str, EventHandler] = field(default_factory=dict[str, EventHandler])
    finder: Finder | None = None
    test_mode: bool = False

    async def handle(self, events: Sequence[ClaimedEvent]) -> Handled:
        """Handle a batch. Raise TemporalDownError when no case can be told at all."""
        handled = Handled()
        ours = [e for e in events if e.source == API_SOURCE]
        known = {API_SOURCE, *self.others}
        items = [i for e in events if e.source not in known for i in self._read(e, handled)]
        matched = await self._match(items, handled)
        settled = await self._settle(matched)
        openings = await self._openings(matched)
        failures = await self._failures(matched, openings)
        jobs = [self._job(item, match, settled, failures) for item, match in matched]
        jobs += [(e, self._ours(e)) for e in ours]
        jobs += [(e, self.others[e.source].handle(e)) for e in events if e.source in self.others]
        cards = [i for i in items if i.event.kind is InboundKind.CARD_UPDATED]
        jobs += [(i.claimed, self._card(i)) for i in cards]
        await _run(jobs, handled)
        return handled

    def _read(self, claimed: ClaimedEvent, handled: Handled) -> list[_Item]:
        event = self.reader.read(claimed.body)
        if event.problem is not None:
            handled.parked.append((claimed.id, event.problem))
        elif event.kind is None:
            handled.done.append((claimed.id, None, f"unknown event {event.name}"))
        elif event.simulated and not self.test_mode:
            handled.done.append((claimed.id, None, "simulated, and this is not test mode"))
        else:
            return [_Item(claimed, event)]
        return []

    async def _match(self, items: Sequence[_Item], handled: Handled) -> list[tuple[_Item, Match]]:
        payments = [i for i in items if i.event.kind is not InboundKind.CARD_UPDATED]
        references = [
            Reference(
                event_id=i.claimed.id,
                transaction_id=i.event.transaction_id,
                idempotency_key=i.event.idempotency_key,
            )
            for i in payments
        ]
        found = await self._find(references)
        for item in payments:
            if item.claimed.id not in found:
                named = item.event.transaction_id or item.event.idempotency_key or "none given"
                reason = f"no invoice is registered for transaction {named}"
                handled.parked.append((item.claimed.id, reason))
        return [(i, found[i.claimed.id]) for i in payments if i.claimed.id in found]

    async def _find(self, references: Sequence[Reference]) -> Mapping[int, Match]:
        """The invoice of each event, be it one that only another directory knows so far."""
        found = await self.matching.match_many(references)
        missing = [r for r in references if r.event_id not in found]
        unknown = [r.transaction_id for r in missing if r.transaction_id is not None]
        if self.finder is None or not unknown:
            return found
        await self.finder.find(unknown, self.now())
        return {**found, **await self.matching.match_many(missing)}

    async def _settle(self, matched: Sequence[tuple[_Item, Match]]) -> Mapping[int, _Settling]:
        """R1: the store says paid before a case is opened and before anybody is told."""
        paid = [(i, m) for i, m in matched if i.event.kind is InboundKind.SUCCESS]
        settled = await asyncio.gather(
            *(
                self.settlements.settle(
                    m.invoice_id,
                    i.event.money,
                    i.event.transaction_id,
                    self.now(),
                    key=i.event.idempotency_key,
                    other=m.other,
                )
                for i, m in paid
            ),
            return_exceptions=True,
        )
        return {i.claimed.id: result for (i, _), result in zip(paid, settled, strict=True)}

    async def _openings(self, matched: Sequence[tuple[_Item, Match]]) -> Mapping[str, Opening]:
        failing = {m.invoice_id for i, m in matched if i.event.kind in _FAILURES}
        return await self.cases.open_many(sorted(failing), self.now()) if failing else {}

    def _job(
        self,
        item: _Item,
        match: Match,
        settled: Mapping[int, _Settling],
        failures: Mapping[int, _Failure],
    ) -> tuple[ClaimedEvent, Awaitable[Done]]:
        if item.event.kind is InboundKind.SUCCESS:
            done = self._success(item, match.invoice_id, settled[item.claimed.id])
        else:
            done = self._failure(match, failures[item.claimed.id])
        return item.claimed, _remarked(done, remarks(item.event, match))

    async def _success(self, item: _Item, invoice_id: str, settled: _Settling) -> Done:
        """The case hears of what is committed; what was not is put off alone."""
        if isinstance(settled, BaseException):
            raise settled
        if settled.after_close:
            _log.warning("paid_after_close", invoice=invoice_id)
        match settled.settlement:
            case Settlement.DIFFERS:
                fact: Fact = AmountDiffers(id=item.id)
            case Settlement.VOID:
                return invoice_id, "paid although void; a person should look"
            case Settlement.COUNTED:
                return invoice_id, "recorded: this payment was looked at before"
            case _:
                fact = Recovered(id=item.id, cause=settled.cause or Cause.REVTAIN_RETRY)
        told = await self._tell(invoice_id, fact)
        return invoice_id, f"{settled.settlement.value}; {told}"

    async def _failures(
        self, matched: Sequence[tuple[_Item, Match]], openings: Mapping[str, Opening]
    ) -> Mapping[int, _Failure]:
        """Each failure with the case it belongs to, and with what a case begun by it will be."""
        told = [(i, m, _failed(i, m)) for i, m in matched if i.event.kind in _FAILURES]
        begun = {
            m.invoice_id: event
            for _, m, event in told
            if openings[m.invoice_id].kind is OpeningKind.STARTED
        }
        shown: Mapping[str, Shown] = await self.forecasts(begun) if begun else {}
        return {
            i.claimed.id: _Failure(event, openings[m.invoice_id], shown.get(m.invoice_id))
            for i, m, event in told
        }

    async def _failure(self, match: Match, failure: _Failure) -> Done:
        opening = failure.opening
        if opening.kind is OpeningKind.SETTLED:
            return match.invoice_id, "recorded: the invoice is settled"
        if opening.kind is OpeningKind.CLOSED:
            return match.invoice_id, "recorded: the case is closed"
        opened = await self.client.open(
            opening.workflow_id,
            CaseInput(invoice_id=match.invoice_id, cycle=opening.cycle, shown=failure.shown),
            failure.event,
        )
        if opened is Opened.CLOSED:
            # The run has ended but the store says open: it was ended by hand in Temporal,
            # unless it closed by itself in this very moment.
            await self.cases.end_as_stopped(opening.workflow_id, self.now())
            return match.invoice_id, "recorded: the run had ended"
        return match.invoice_id, f"case {opening.workflow_id}"

    async def _card(self, item: _Item) -> Done:
        """One token may belong to several invoices; each of their cases is told."""
        event = item.event
        old, new = event.old_token or "", event.new_token or ""
        invoices = await self.registry.invoices_of_card(old)
        if not invoices:
            raise UnmatchedError("no invoice is registered with the replaced card")
        for invoice_id in invoices:
            change = await self.registry.replace_card(invoice_id, new, old)
            if change.current:
                fact = CardReplaced(id=f"{item.id}-{change.card_digest}", card=change.card_digest)
                await self._tell(invoice_id, fact)
        return invoices[0], f"new card for {len(invoices)} invoice(s)"

    async def _ours(self, claimed: ClaimedEvent) -> Done:
        """A fact that the merchant told us by the interface, already in the store."""
        body = json.loads(claimed.body)
        invoice_id, fact_id = str(body["invoice_id"]), f"e{claimed.id}"
        if claimed.name == RECOVERY_PENDING:
            return await self._watch(invoice_id, fact_id)
        facts: dict[str, Fact] = {
            INVOICE_PAID: Recovered(id=fact_id, cause=Cause(body.get("cause", "paid_elsewhere"))),
            INVOICE_VOIDED: Voided(id=fact_id),
            INVOICE_CARD: CardReplaced(id=fact_id, card=str(body.get("card"))),
            MESSAGE_SETTLED: MessageSettled(
                id=fact_id, step=str(body.get("step")), sent=body.get("sent") is True
            ),
        }
        return invoice_id, await self._tell(invoice_id, facts[claimed.name])

    async def _watch(self, invoice_id: str, fact_id: str) -> Done:
        """Without a case nobody would notice that no outcome ever comes."""
        opening = (await self.cases.open_many([invoice_id], self.now()))[invoice_id]
        case = await self.cases.get(invoice_id)
        begun = case is not None and case.state is not State.OPENING
        if opening.kind is OpeningKind.RUNNING and begun:
            return invoice_id, f"case {opening.workflow_id} goes on"
        match = Match(invoice_id=invoice_id, card=None)
        event = Failed(id=fact_id, advice=advice.Advice.MONITOR)
        return await self._failure(match, _Failure(event, opening, None))

    async def _tell(self, invoice_id: str, fact: Fact) -> str:
        workflow_id = await self.cases.live_workflow(invoice_id)
        if workflow_id is None:
            return "no open case"
        told = await self.client.tell(workflow_id, fact)
        return f"case {workflow_id} told" if told else f"case {workflow_id} has no run yet"


_FAILURES = frozenset({InboundKind.FAILED, InboundKind.BLOCKED})
_Settling = Settled | BaseException


async def _remarked(done: Awaitable[Done], remark: str) -> Done:
    invoice_id, note = await done
    return invoice_id, f"{note}{remark}"


def _failed(item: _Item, match: Match) -> Failed:
    event = item.event
    if event.kind is InboundKind.BLOCKED:
        asks = advice.of_block(event.decline_code)
    else:
        asks = advice.of_failure(event.recommended_action, event.decline_code)
    return Failed(
        id=item.id,
        advice=asks,
        decline_code=event.decline_code,
        transaction_id=event.transaction_id,
        card=match.card,
    )


async def _run(jobs: Sequence[tuple[ClaimedEvent, Awaitable[Done]]], handled: Handled) -> None:
    """Run all jobs at the same time, each for itself."""
    results = await asyncio.gather(*(job for _, job in jobs), return_exceptions=True)
    down: TemporalDownError | None = None
    for (claimed, _), result in zip(jobs, results, strict=True):
        match result:
            case UnmatchedError():
                handled.parked.append((claimed.id, str(result)))
            case TemporalDownError():
                down = result
                handled.failed.append((claimed.id, str(result)))
            case BaseException():
                where = "".join(traceback.format_tb(result.__traceback__))
                name = type(result).__name__
                _log.error("event_failed", event_id=claimed.id, fault=name, where=where)
                handled.failed.append((claimed.id, type(result).__name__))
            case (invoice_id, note):
                asked = "Revtain was asked: " if claimed.source == ASKED_SOURCE else ""
                handled.done.append((claimed.id, invoice_id, f"{asked}{note}"))
    if down is not None and not handled.done:
        raise down
