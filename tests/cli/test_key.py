"""Is a key printed once, alone, and refused when revoked?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from store.database import Database
from store.keys import ApiKeys

if TYPE_CHECKING:
    from tests.cli.conftest import Typed


async def test_a_key_is_printed_alone_and_works_until_revoked(
    dunning: Typed, database_url: str
) -> None:
    database = Database.connect(database_url, pool_size=1)
    keys = ApiKeys(database)
    made = await dunning("key", "add", "shop", "--scope", "invoices:write", "--scope", "cases:read")
    key = made.out.removesuffix("\n")
    assert made.code == 0
    assert "\n" not in key
    assert key not in made.err
    holder = await keys.verify(key)
    assert holder is not None
    assert (holder.name, holder.scopes) == ("shop", ("invoices:write", "cases:read"))

    assert (await dunning("key", "revoke", "shop")).code == 0
    assert await keys.verify(key) is None
    again = await dunning("key", "revoke", "shop")
    assert (again.code, again.err.strip()) == (
        1,
        "No key named shop is in use: it was never made, or is revoked already.",
    )
    await database.aclose()


async def test_a_name_is_used_once_and_a_scope_must_be_known(dunning: Typed) -> None:
    await dunning("key", "add", "shop", "--scope", "cases:read")
    again = await dunning("key", "add", "shop", "--scope", "cases:read")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("There is an API key named shop already")
    odd = await dunning("key", "add", "other", "--scope", "everything")
    assert (odd.code, odd.out) == (2, "")
    assert "invoices:read" in odd.err


async def test_keys_are_listed_without_the_keys(dunning: Typed, database_url: str) -> None:
    none = await dunning("key", "list")
    assert (none.code, none.err.strip()) == (0, "No keys.")
    key = (await dunning("key", "add", "shop", "--scope", "cases:read")).out.strip()
    await dunning("key", "add", "old", "--scope", "invoices:read", "--scope", "invoices:write")
    await dunning("key", "revoke", "old")
    database = Database.connect(database_url, pool_size=1)
    assert await ApiKeys(database).verify(key)
    await database.aclose()

    plain = await dunning("key", "list")
    heading, shop, old = plain.out.splitlines()
    assert heading.split() == ["ID", "NAME", "SCOPES", "CREATED", "LAST", "USED", "REVOKED"]
    assert shop.split()[1:3] == ["shop", "cases:read"]
    assert old.split()[1:4] == ["old", "invoices:read", "invoices:write"]
    listed = await dunning("key", "list", "--json")
    used, revoked = json.loads(listed.out)
    assert used == {**used, "name": "shop", "scopes": ["cases:read"], "revoked_at": None}
    assert set(used) == {"id", "name", "scopes", "created_at", "last_used_at", "revoked_at"}
    assert used["last_used_at"] is not None
    assert (revoked["last_used_at"], revoked["revoked_at"] is None) == (None, False)
    assert key not in plain.out + plain.err + listed.out
