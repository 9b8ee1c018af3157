"""How does the sandbox take a new card, as Revtain's hosted page does?"""

from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox import revtain_refusals as refusals
from sandbox.faults import Call, Operation, Vendor
from sandbox.page_html import document
from sandbox.revtain_card_pages import CardPage
from sandbox.world import SandboxWorld, World

router = APIRouter(prefix="/revtain/api/recovery/update-card")

_FIELD = "newPaymentMethodToken"
_NO_VAULT = "Hosted card pages are not enabled for this account."
_USED = "This link was used already, or is too old."


class LinkRequest(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    paymentMethodToken: str = Field(min_length=1)  # noqa: N815 - the vendor's spelling


@router.post("/generate")
async def generate(request: Request, world: World) -> Response:
    try:
        wanted: LinkRequest | ValidationError = LinkRequest.model_validate_json(
            await request.body()
        )
    except ValidationError as error:
        wanted = error
    recipients = () if isinstance(wanted, ValidationError) else (wanted.paymentMethodToken,)

    async def handle() -> Response:
        return _generate(request, world, wanted)

    await world.log_request(Vendor.REVTAIN, request)
    call = Call(Vendor.REVTAIN, Operation.LINK, recipients)
    return await world.through_faults(call, refusals.of_fault, handle)


@router.get("/{token}")
async def show(token: str, world: World) -> Response:
    """The first to look burns the link."""
    page = world.card_pages.get(token)
    if page is None or not page.show(world.clock.now()):
        return _gone()
    return HTMLResponse(document("New card", _form(page)))


@router.post("/{token}")
async def submit(token: str, request: Request, world: World) -> Response:
    """The new card becomes a token, and the merchant is told of it."""
    page = world.card_pages.get(token)
    card = parse_qs((await request.body()).decode(errors="replace")).get(_FIELD, [""])[0]
    if not card:
        return HTMLResponse(document("No card", "<p>Give a card.</p>"), 422)
    if page is None or not page.finish(world.clock.now()):
        return _gone()
    world.webhooks.post_later(
        {
            "event": "card.updated",
            "oldPaymentMethodToken": page.card,
            "newPaymentMethodToken": card,
        }
    )
    return HTMLResponse(document("Thank you", "<h1>Thank you</h1><p>Your card is saved.</p>"))


def _generate(
    request: Request, world: SandboxWorld, wanted: LinkRequest | ValidationError
) -> Response:
    if refusal := refusals.of_key(request, world.settings):
        return refusal
    if not world.card_pages.active:
        return JSONResponse({"error": "Forbidden", "message": _NO_VAULT}, 403)
    if isinstance(wanted, ValidationError):
        return refusals.of_form(wanted)
    page = world.card_pages.make(wanted.paymentMethodToken, world.clock.now())
    url = request.url.replace(path=f"{router.prefix}/{page.token}", query="")
    expires_at = page.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return JSONResponse({"url": str(url), "token": page.token, "expiresAt": expires_at}, 201)


def _form(page: CardPage) -> str:
    return (
        "<h1>Update your card</h1>"
        f'<form method="post"><p><label>New card <input name="{_FIELD}" '
        f'value="pm_new_{escape(page.token[:6])}" required></label></p>'
        '<p><button type="submit">Save the card</button></p></form>'
    )


def _gone() -> Response:
    return HTMLResponse(document("Link used", f"<h1>Link used</h1><p>{_USED}</p>"), 410)
