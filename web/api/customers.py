"""What may the merchant's systems ask of everything that is held about a customer?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from web.api.access import PersonalDataEraser, PersonalDataReader
from web.api.parameters import CustomerId, author, problems
from web.api.problems import Kind
from web.personal_data import PersonalData


class ErasedDocument(BaseModel):
    """What was removed. A repetition removes what came in since."""

    model_config = ConfigDict(from_attributes=True)

    customer_id: str
    erased_at: datetime = Field(description="When the customer was erased first.")
    removed: dict[str, int] = Field(description="Rows that lost personal data, by table.")
    stopping: int = Field(description="Open cases that are being stopped.")


@dataclass(frozen=True, slots=True)
class CustomerDoor:
    """Calls about a customer as a person. Both may be repeated as they are."""

    personal_data: PersonalData

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address."""
        held = "/customers/{customer_id:path}/personal-data"
        asked = problems(Kind.NOT_FOUND)
        router.get(held, responses=asked)(self.export)
        changed = problems(Kind.NOT_FOUND, Kind.REFUSED)
        router.delete(held, responses=changed)(self.erase)

    async def export(
        self, customer_id: CustomerId, _: PersonalDataReader, response: Response
    ) -> dict[str, Any]:
        """Everything that is held about a customer.

        Registry, invoices, cases with the texts of their messages, consents, suppressions,
        replies, notes, and the bodies of events while they are kept.
        """
        response.headers["Cache-Control"] = "no-store"
        return await self.personal_data.export(customer_id)

    async def erase(self, customer_id: CustomerId, caller: PersonalDataEraser) -> ErasedDocument:
        """Remove a customer's personal data everywhere, for good.

        The id stays, and with it what was owed and paid. Open cases are stopped, nothing is sent
        to the customer any more, and addresses that were closed stay closed.
        """
        erased = await self.personal_data.erase(customer_id, author=author(caller))
        return ErasedDocument.model_validate(erased)
