"""What may the merchant's systems ask and change about the events that go out to them?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from dunning.outgoing import Kind, check_url
from store.endpoints import Endpoints
from store.outgoing import Outgoing, OutgoingStatus
from web.api.access import EndpointReader, EndpointWriter
from web.api.parameters import Before, Limit, problems
from web.api.problems import Kind as ProblemKind
from web.errors import EndpointNotFoundError, OutgoingNotFoundError
from workflows.errors import OrderRefusedError

_EndpointId = Annotated[str, Path(max_length=100, description="Its id, `ep_…`.")]
_WebhookId = Annotated[str, Path(max_length=100, description="Its id, `msg_…`, as you got it.")]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


_Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]


class EndpointBody(BaseModel):
    """Where events shall go."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(check_url)] = Field(
        examples=["https://shop.example/hooks/dunning"],
        description="Events are posted here. Without `https` anyone on the way can read them.",
    )
    kinds: list[Kind] | None = Field(
        default=None,
        min_length=1,
        description="Which events. Without any: all but those that docs/outgoing.md says must be "
        "named.",
    )
    note: _Note | None = Field(default=None, description="What it is for.")


class EndpointDocument(BaseModel):
    """An endpoint. Its secret is told once."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    url: str
    kinds: list[Kind] | None
    note: str | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None


class NewEndpointDocument(EndpointDocument):
    """An endpoint that was just made, with its secret, this one time."""

    secret: str = Field(examples=["whsec_…"], description="Verifies the signature of each event.")


class EndpointList(BaseModel):
    """All endpoints."""

    endpoints: list[EndpointDocument]


class OutgoingDocument(BaseModel):
    """An event on its way, or after it."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="The same at every attempt; the header `webhook-id`.")
    kind: Kind
    invoice_id: str
    endpoint_id: str
    status: OutgoingStatus
    attempts: int
    due_at: datetime = Field(description="When it is tried next, while it is due.")
    last_status: int | None = Field(description="What the endpoint answered last.")
    last_fault: str | None
    at: datetime = Field(description="When it was recorded.")
    delivered_at: datetime | None


class OutgoingPage(BaseModel):
    """Events, newest first."""

    outgoing: list[OutgoingDocument]
    next: int | None = Field(description="`before` of the next page, if there may be one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDoor:
    """Calls about endpoints and the events that go to them."""

    endpoints: Endpoints
    outgoing: Outgoing

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address."""
        missing = problems(ProblemKind.NOT_FOUND)
        refused = problems(ProblemKind.NOT_FOUND, ProblemKind.REFUSED)
        router.get("/endpoints", responses=problems())(self.list_endpoints)
        router.post("/endpoints", status_code=201, responses=problems())(self.add_endpoint)
        router.delete("/endpoints/{endpoint_id}", status_code=204, responses=missing)(
            self.remove_endpoint
        )
        router.get("/outgoing", responses=problems())(self.list_outgoing)
        router.post("/outgoing/{webhook_id}/replay", status_code=202, responses=refused)(
            self.replay
        )

    async def list_endpoints(self, _: EndpointReader) -> EndpointList:
        """All endpoints, oldest first, without their secrets."""
        found = await self.endpoints.all()
        return EndpointList(endpoints=[EndpointDocument.model_validate(one) for one in found])

    async def add_endpoint(self, body: EndpointBody, _: EndpointWriter) -> NewEndpointDocument:
        """Send events to an address from now on. The answer holds the secret, this one time."""
        made, secret = await self.endpoints.add(body.url, kinds=body.kinds or (), note=body.note)
        shown = EndpointDocument.model_validate(made)
        return NewEndpointDocument(**dict(shown), secret=secret)

    async def remove_endpoint(self, endpoint_id: _EndpointId, _: EndpointWriter) -> None:
        """Send nothing there any more, and forget what was sent."""
        if not await self.endpoints.remove(endpoint_id):
            raise EndpointNotFoundError(endpoint_id)

    async def list_outgoing(
        self,
        _: EndpointReader,
        *,
        status: OutgoingStatus | None = None,
        invoice_id: str | None = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> OutgoingPage:
        """Events on their way, delivered or dead, newest first."""
        found = await self.outgoing.find(
            status=status, invoice_id=invoice_id, limit=limit, before=before
        )
        return OutgoingPage(
            outgoing=[OutgoingDocument.model_validate(one) for one in found],
            next=found[-1].place if len(found) == limit else None,
        )

    async def replay(self, webhook_id: _WebhookId, _: EndpointWriter) -> OutgoingDocument:
        """Deliver an event again, under the same id: now, and by the schedule if that fails."""
        done = await self.outgoing.replay([webhook_id])
        found = await self.outgoing.find(webhook_id=webhook_id, limit=1)
        if not found:
            raise OutgoingNotFoundError(webhook_id)
        if not done:
            raise OrderRefusedError(found[0].why_left)
        return OutgoingDocument.model_validate(found[0])
