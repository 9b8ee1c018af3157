"""How is Revtain's stand-in steered and read over HTTP, besides its events?"""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, JsonValue

from sandbox.revtain_card_pages import Use
from sandbox.revtain_ledger import ExecuteRequest, Outcome
from sandbox.world import World

router = APIRouter(prefix="/_control/revtain")


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class Attempt(_Shown):
    id: str
    request: ExecuteRequest
    outcome: Outcome
    created_at: datetime
    recovered_at: datetime | None


class Page(_Shown):
    token: str
    card: str
    expires_at: datetime
    use: Use


@router.get("/transactions")
def attempts(world: World) -> list[Attempt]:
    """Every charge that was taken, the oldest first."""
    return [Attempt.model_validate(each) for each in world.ledger.transactions]


@router.get("/pulses")
def pulses(world: World) -> list[dict[str, JsonValue]]:
    """Payments that succeeded without any recovery, as they were told."""
    return world.ledger.pulses


@router.get("/card-pages")
def card_pages(world: World) -> list[Page]:
    """Every hosted page for a new card."""
    return [Page.model_validate(each) for each in world.card_pages.made]


@router.put("/vault")
def set_vault(active: bool, world: World) -> bool:  # noqa: FBT001 (a query parameter)
    """Whether the account has the vault, and with it hosted pages."""
    world.card_pages.active = active
    return active


@router.put("/decline-codes")
def set_decline_codes(codes: dict[str, str], world: World) -> dict[str, str]:
    """Payment method token to the code that its failures carry."""
    world.ledger.decline_codes = dict(codes)
    return world.ledger.decline_codes
