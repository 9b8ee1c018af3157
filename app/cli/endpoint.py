"""Where does the merchant want to hear of what happens?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import Json, print_facts, print_json, print_line, print_rows, say
from app.cli.session import current, stores
from dunning.errors import DunningError
from dunning.outgoing import TEST, Kind, check_url
from web.errors import EndpointNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from dunning.ports import Receipt
    from store.endpoints import Endpoint, Endpoints

group = typer.Typer(
    name="endpoint", help="Where events go that we tell the merchant.", no_args_is_help=True
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="As `endpoint list` shows it: `ep_…`.")]


class EndpointRefusesError(DunningError):
    """The endpoint did not take the test."""


@group.command()
def add(
    url: Annotated[str, typer.Argument(help="Events are posted here.")],
    *,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(help="Which events. May be repeated. None: all that need not be named."),
    ] = None,
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Send events to an address from now on; print its secret, alone on stdout, this one time."""
    checked = _checked(url)
    made, secret = ending.run(_add(checked, kind or [], note))
    if checked.startswith("http://"):
        say("This address is not encrypted: anyone on the way can read the events.")
    say(f"Endpoint {made.id}. Its secret is not shown again; it verifies the signatures:")
    print_line(secret)


@group.command("list")
def list_endpoints(*, as_json: Json = False) -> None:
    """Endpoints, oldest first, without their secrets."""
    found = ending.run(_all())
    if as_json:
        print_json(found)
        return
    print_rows(("ID", "URL", "KINDS", "CREATED", "DISABLED", "WHY", "NOTE"), map(_row, found))
    if not found:
        say("No endpoints.")


@group.command()
def rotate(
    endpoint_id: _Id,
    *,
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="The old secret signs no more, such as when it leaked."),
    ] = False,
) -> None:
    """Make a new secret and print it. For 24 hours the old one signs beside it."""
    secret = ending.run(_rotate(endpoint_id, at_once=at_once))
    old = "signs no more" if at_once else "signs beside it for 24 hours"
    say(f"The new secret of endpoint {endpoint_id}; the old one {old}:")
    print_line(secret)


@group.command()
def remove(endpoint_id: _Id) -> None:
    """Send nothing there any more, and forget what was sent."""
    ending.run(_remove(endpoint_id))
    say(f"Endpoint {endpoint_id} is removed.")


@group.command()
def enable(endpoint_id: _Id) -> None:
    """Send to an endpoint again that is disabled because it answered 410 Gone."""
    ending.run(_enable(endpoint_id))
    say(
        f"Endpoint {endpoint_id} gets events from now on. What it missed: "
        f"`dunning outgoing replay --dead --endpoint {endpoint_id}`."
    )


@group.command("test")
def post_test(endpoint_id: _Id, *, as_json: Json = False) -> None:
    """Post an event `dunning.test` now, once, and print what was answered."""
    receipt = ending.run(_test(endpoint_id))
    facts = {"type": TEST, "status": receipt.status, "fault": receipt.fault}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
    if not receipt.taken:
        raise EndpointRefusesError(
            f"Endpoint {endpoint_id} did not take the event. Only a status from 200 to 299 counts."
        )


def _checked(url: str) -> str:
    try:
        return check_url(url)
    except ValueError as fault:
        raise UsageError(f"The URL {fault}.") from fault


async def _add(url: str, kinds: list[Kind], note: str | None) -> tuple[Endpoint, str]:
    async with _endpoints() as endpoints:
        return await endpoints.add(url, kinds=kinds, note=note)


async def _all() -> list[Endpoint]:
    async with _endpoints() as endpoints:
        return await endpoints.all()


async def _rotate(endpoint_id: str, *, at_once: bool) -> str:
    async with _endpoints() as endpoints:
        secret = await endpoints.rotate(endpoint_id, at_once=at_once)
    if secret is None:
        raise EndpointNotFoundError(endpoint_id)
    return secret


async def _remove(endpoint_id: str) -> None:
    async with _endpoints() as endpoints:
        if not await endpoints.remove(endpoint_id):
            raise EndpointNotFoundError(endpoint_id)


async def _enable(endpoint_id: str) -> None:
    async with _endpoints() as endpoints:
        if not await endpoints.enable(endpoint_id):
            raise EndpointNotFoundError(endpoint_id)


async def _test(endpoint_id: str) -> Receipt:
    from app import clock
    from providers.merchant.receiver import MerchantReceiver
    from webhook import outgoing

    async with _endpoints() as endpoints, MerchantReceiver(now=clock.now) as receiver:
        endpoint = await endpoints.get(endpoint_id)
        if endpoint is None:
            raise EndpointNotFoundError(endpoint_id)
        return await outgoing.post_test(endpoint, endpoints, receiver, clock.now())


@asynccontextmanager
async def _endpoints() -> AsyncGenerator[Endpoints]:
    async with stores(current()) as found:
        yield found.endpoints


def _row(endpoint: Endpoint) -> tuple[object, ...]:
    kinds = "all" if endpoint.kinds is None else " ".join(endpoint.kinds)
    why = endpoint.disabled_why
    return (
        endpoint.id,
        endpoint.url,
        kinds,
        endpoint.created_at,
        endpoint.disabled_at,
        why,
        endpoint.note,
    )
