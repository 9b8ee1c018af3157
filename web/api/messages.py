"""Which messages are in doubt, and how does the merchant settle one?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from dunning.channel import Channel
from web.api.access import CaseReader, CaseWriter
from web.api.parameters import Limit, author, problems
from web.api.problems import Kind
from web.operations import Operations

_LONGEST_NOTE = 4000


class UnresolvedDocument(BaseModel):
    """A message that may or may not have left; it is never sent again by itself."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    invoice_id: str
    step: str
    channel: Channel
    template: str
    requested_at: datetime | None = Field(description="When the vendor may have got it.")
    reason: str | None


class UnresolvedPage(BaseModel):
    """Messages of unknown outcome, the latest first."""

    messages: list[UnresolvedDocument]


class ResolveBody(BaseModel):
    """What was found out at the vendor."""

    model_config = ConfigDict(extra="forbid")

    sent: StrictBool = Field(description="False: it certainly did not leave, and may be sent.")
    note: Annotated[str | None, Field(max_length=_LONGEST_NOTE)] = None


@dataclass(frozen=True, slots=True)
class MessageDoor:
    """Calls about messages."""

    operations: Operations

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address."""
        asked = problems(Kind.NOT_FOUND, Kind.REFUSED)
        router.get("/messages/unresolved", responses=problems())(self.unresolved)
        router.post("/messages/{message_id}/resolve", status_code=204, responses=asked)(
            self.resolve
        )

    async def unresolved(self, _: CaseReader, limit: Limit = 100) -> UnresolvedPage:
        """Messages of unknown outcome, the latest first."""
        found = await self.operations.ledger.unresolved(limit)
        return UnresolvedPage(messages=[UnresolvedDocument.model_validate(one) for one in found])

    async def resolve(
        self,
        message_id: Annotated[str, Path(max_length=200)],
        body: ResolveBody,
        caller: CaseWriter,
    ) -> None:
        """Settle a message of unknown outcome; one that did not leave waits for its turn again."""
        await self.operations.resolve(
            message_id, sent=body.sent, author=author(caller), note=body.note
        )
