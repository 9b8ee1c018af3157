"""Which systems of the merchant's may call the interface?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import Json, print_json, print_line, print_rows, say
from app.cli.session import current, stores
from dunning.errors import DunningError
from web.scopes import Scope

if TYPE_CHECKING:
    from store.keys import KeyRecord

group = typer.Typer(name="key", help="API keys.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Who uses the key, such as `shop`.")]


class KeyNotFoundError(DunningError):
    """No key of this name is in use."""


@group.command()
def add(
    name: _Name,
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may do. May be repeated.")],
) -> None:
    """Make a key and print it, alone on stdout, this one time.

    Only its digest is kept, so a lost key cannot be shown again: revoke it and make another.
    """
    key = ending.run(_add(name, list(dict.fromkeys(scope))))
    say(f"The key of {name}. It is not shown again. Send it as `Authorization: Bearer …`.")
    print_line(key)


@group.command("list")
def list_keys(*, as_json: Json = False) -> None:
    """Keys, oldest first, with what they may do. The keys themselves are not kept."""
    found = ending.run(_all())
    if as_json:
        print_json(found)
        return
    print_rows(("ID", "NAME", "SCOPES", "CREATED", "LAST USED", "REVOKED"), map(_row, found))
    if not found:
        say("No keys.")


@group.command()
def revoke(name: _Name) -> None:
    """Refuse a key from now on."""
    if not ending.run(_revoke(name)):
        raise KeyNotFoundError(
            f"No key named {name} is in use: it was never made, or is revoked already."
        )
    say(f"The key of {name} is refused from now on.")


async def _add(name: str, scopes: list[Scope]) -> str:
    async with stores(current()) as found:
        return await found.keys.add(name, scopes)


async def _all() -> list[KeyRecord]:
    async with stores(current()) as found:
        return await found.keys.all()


def _row(key: KeyRecord) -> tuple[object, ...]:
    scopes = " ".join(key.scopes)
    return key.id, key.name, scopes, key.created_at, key.last_used_at, key.revoked_at


async def _revoke(name: str) -> bool:
    async with stores(current()) as found:
        return await found.keys.revoke(name)
