"""What may the merchant's systems ask and order of cases?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from dunning.states import Outcome, State
from store.inbox import EventStatus
from store.keys import KeyInfo
from web import lookup
from web.api.access import CaseReader, CaseWriter
from web.api.bodies import (
    AssignBody,
    DecideBody,
    ExtendBody,
    NoteBody,
    OrderBody,
    PauseBody,
    ReopenBody,
    ReplanBody,
    ResumeBody,
    SendNowBody,
    SkipBody,
    StopBody,
)
from web.api.parameters import Before, InvoiceId, Limit, RequestId, author, problems
from web.api.problems import Kind
from web.documents import CaseFile, CasePage, EventPage
from web.operations import Operations
from web.story import StoryDocument
from workflows.contracts import Snapshot


class OrderedDocument(BaseModel):
    """Where the case stands after the order. Lists show it a moment later."""

    invoice_id: str
    state: str
    version: int
    next_step: str | None
    next_at: datetime | None
    outcome: str | None


def ordered(invoice_id: str, snapshot: Snapshot) -> OrderedDocument:
    """What the run itself says of the case after an order."""
    return OrderedDocument(
        invoice_id=invoice_id,
        state=snapshot.state,
        version=snapshot.version,
        next_step=snapshot.next_step,
        next_at=snapshot.next_at,
        outcome=snapshot.outcome,
    )


class NotedDocument(BaseModel):
    """The note as it was kept."""

    id: int


@dataclass(frozen=True, slots=True)
class CaseDoor:
    """Calls about cases. Orders need Temporal; notes and owners do not."""

    operations: Operations

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address. Ids may hold slashes, so the longer addresses go first."""
        one = "/cases/{invoice_id:path}"
        answers = problems(Kind.NOT_FOUND, Kind.REFUSED, Kind.TEMPORAL_DOWN)
        for name, order in (
            ("pause", self.pause),
            ("resume", self.resume),
            ("skip", self.skip),
            ("send-now", self.send_now),
            ("stop", self.stop),
            ("extend", self.extend),
            ("replan", self.replan),
            ("decide", self.decide),
        ):
            router.post(f"{one}/{name}", responses=answers)(order)
        router.post(f"{one}/reopen", responses=answers)(self.reopen)
        asked = problems(Kind.NOT_FOUND)
        router.post(f"{one}/note", status_code=201, responses=asked)(self.add_note)
        router.post(f"{one}/assign", status_code=204, responses=asked)(self.assign)
        router.get("/cases", responses=problems())(self.list_cases)
        router.get(f"{one}/story", responses=asked)(self.get_story)
        router.get(one, responses=asked)(self.get_case)
        router.get("/events", responses=problems())(self.list_events)

    async def list_cases(
        self,
        _: CaseReader,
        state: State | None = None,
        outcome: Outcome | None = None,
        owner: str | None = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> CasePage:
        """Cases, newest first."""
        return await lookup.cases(
            self.operations,
            state=state,
            outcome=outcome,
            owner=owner,
            limit=limit,
            before=before,
        )

    async def get_case(self, invoice_id: InvoiceId, _: CaseReader) -> CaseFile:
        """The latest case of an invoice, with its messages and all notes."""
        return await lookup.case(self.operations, invoice_id)

    async def get_story(self, invoice_id: InvoiceId, _: CaseReader) -> StoryDocument:
        """What happened in all cases of an invoice, in order, and why; what is to come last."""
        return await lookup.story(self.operations, invoice_id)

    async def list_events(
        self,
        _: CaseReader,
        *,
        status: EventStatus | None = None,
        unmatched: Annotated[
            bool, Query(description="Only events that wait for an invoice to be registered.")
        ] = False,
        limit: Limit = 100,
        before: Before = None,
    ) -> EventPage:
        """Events that came in, newest first."""
        return await lookup.events(
            self.operations, status=status, unmatched=unmatched, limit=limit, before=before
        )

    async def pause(
        self, invoice_id: InvoiceId, body: PauseBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """Write to nobody until an instant, or until resumed."""
        return await self._order(invoice_id, body, caller, request_id)

    async def resume(
        self,
        invoice_id: InvoiceId,
        caller: CaseWriter,
        request_id: RequestId,
        body: ResumeBody | None = None,
    ) -> OrderedDocument:
        """End a pause."""
        return await self._order(invoice_id, body or ResumeBody(), caller, request_id)

    async def skip(
        self, invoice_id: InvoiceId, body: SkipBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """Do not send a step."""
        return await self._order(invoice_id, body, caller, request_id)

    async def send_now(
        self, invoice_id: InvoiceId, body: SendNowBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """Send a step as soon as its window allows, whatever the spacing."""
        return await self._order(invoice_id, body, caller, request_id)

    async def stop(
        self,
        invoice_id: InvoiceId,
        caller: CaseWriter,
        request_id: RequestId,
        body: StopBody | None = None,
    ) -> OrderedDocument:
        """Close the case; it stays closed whatever arrives later."""
        return await self._order(invoice_id, body or StopBody(), caller, request_id)

    async def extend(
        self, invoice_id: InvoiceId, body: ExtendBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """Give the customer more days."""
        return await self._order(invoice_id, body, caller, request_id)

    async def replan(
        self,
        invoice_id: InvoiceId,
        caller: CaseWriter,
        request_id: RequestId,
        body: ReplanBody | None = None,
    ) -> OrderedDocument:
        """Plan what is left again, under the same policy."""
        return await self._order(invoice_id, body or ReplanBody(), caller, request_id)

    async def decide(
        self, invoice_id: InvoiceId, body: DecideBody, caller: CaseWriter, request_id: RequestId
    ) -> OrderedDocument:
        """End a review."""
        return await self._order(invoice_id, body, caller, request_id)

    async def reopen(
        self,
        invoice_id: InvoiceId,
        caller: CaseWriter,
        request_id: RequestId,
        body: ReopenBody | None = None,
    ) -> CaseFile:
        """Begin anew what ended unpaid, as the next cycle of the invoice."""
        note = None if body is None else body.note
        await self.operations.reopen(
            invoice_id, author=author(caller), note=note, request_id=request_id
        )
        return await lookup.case(self.operations, invoice_id)

    async def add_note(
        self, invoice_id: InvoiceId, body: NoteBody, caller: CaseWriter, request_id: RequestId
    ) -> NotedDocument:
        """Keep a word about a case."""
        kept = await self.operations.note(
            invoice_id, body.note, author=author(caller), request_id=request_id
        )
        return NotedDocument(id=kept)

    async def assign(self, invoice_id: InvoiceId, body: AssignBody, caller: CaseWriter) -> None:
        """Give the case, and its open review, to a person."""
        await self.operations.assign(invoice_id, body.owner, author=author(caller))

    async def _order(
        self, invoice_id: str, body: OrderBody, caller: KeyInfo, request_id: str | None
    ) -> OrderedDocument:
        snapshot = await self.operations.order(
            invoice_id,
            body.order(),
            note=body.note,
            author=author(caller),
            request_id=request_id,
        )
        return ordered(invoice_id, snapshot)
