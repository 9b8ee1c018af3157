"""What may the merchant's systems ask and say of a customer's consent?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from dunning.channel import Channel
from dunning.consent import ConsentKind
from dunning.suppression import Reason, Scope, Source
from web.api.access import CaseReader, CaseWriter
from web.api.bodies import SuppressionBody
from web.api.parameters import CustomerId, problems
from web.api.problems import Kind
from web.consents import ConsentDesk, Wish


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class ConsentDocument(_Document):
    """One entry of the proof."""

    channel: Channel
    kind: ConsentKind
    at: datetime
    source: str = Field(description="`registration`, or who said so: `reply`, `page`, `api`, …")
    proof: str | None = Field(description="In the words of who recorded it.")
    recorded_at: datetime


class SuppressionDocument(_Document):
    """One reason why a channel to the customer is closed."""

    channel: Channel
    reason: Reason
    scope: Scope = Field(description="`reminders` lets essential notices pass.")
    source: Source
    created_at: datetime
    expires_at: datetime | None


class ConsentsDocument(_Document):
    """What a customer agreed to and took back, the oldest first, and what is closed now."""

    consents: list[ConsentDocument]
    suppressions: list[SuppressionDocument]


@dataclass(frozen=True, slots=True)
class ConsentDoor:
    """Calls about consent and suppressions. All may be repeated as they are."""

    desk: ConsentDesk

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address. Ids may hold slashes."""
        one = "/customers/{customer_id:path}"
        found, changed = problems(Kind.NOT_FOUND), problems(Kind.NOT_FOUND, Kind.CONFLICT)
        router.get(f"{one}/consents", responses=found)(self.consents_of_customer)
        closed = f"{one}/suppressions/{{channel}}"
        router.put(closed, responses=changed)(self.close_channel)
        router.delete(closed, status_code=204, responses=changed)(self.lift_suppressions)

    async def consents_of_customer(
        self, customer_id: CustomerId, _: CaseReader
    ) -> ConsentsDocument:
        """The proof of a customer's consent, and every suppression in force."""
        history, closed = await self.desk.of(customer_id)
        return ConsentsDocument(
            consents=[ConsentDocument.model_validate(entry) for entry in history],
            suppressions=[SuppressionDocument.model_validate(one) for one in closed],
        )

    async def close_channel(
        self, customer_id: CustomerId, channel: Channel, body: SuppressionBody, _: CaseWriter
    ) -> list[SuppressionDocument]:
        """Write to the customer's present address on a channel no more.

        It holds for every customer with that address, and for open cases at once. A suppression
        that is wider or lasts longer stays as it is.
        """
        wish = Wish(
            reason=body.reason, scope=body.scope, expires_at=body.expires_at, note=body.note
        )
        closed = await self.desk.close(customer_id, channel, wish)
        return [SuppressionDocument.model_validate(one) for one in closed]

    async def lift_suppressions(
        self, customer_id: CustomerId, channel: Channel, _: CaseWriter
    ) -> None:
        """Lift all suppressions of the customer's present address on a channel.

        A stop by the customer's own word is lifted only if a consent was registered that was given
        after it.
        """
        await self.desk.lift(customer_id, channel)
