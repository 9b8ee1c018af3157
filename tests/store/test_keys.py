"""Do keys open what they should, and policies stay what they were?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dunning.errors import RegistryError
from store.keys import ApiKeys, KeyInfo
from store.policies import Policies

if TYPE_CHECKING:
    from store.database import Database


async def test_a_key_is_told_once_and_verified_by_its_digest(database: Database) -> None:
    keys = ApiKeys(database)
    key = await keys.add("billing", ["invoices:write", "cases:read"])
    info = await keys.verify(key)
    assert (key[:3], len(key)) == ("dk_", 46)
    assert info is not None
    assert info == KeyInfo(id=info.id, name="billing", scopes=("invoices:write", "cases:read"))
    async with database.single() as connection:
        row = (
            await connection.execute(text("SELECT *, api_keys::text AS seen FROM api_keys"))
        ).one()
    assert key not in row.seen
    assert row.last_used_at is not None


async def test_a_revoked_or_foreign_key_opens_nothing(database: Database) -> None:
    keys = ApiKeys(database)
    key = await keys.add("billing", [])
    answers = [await keys.revoke("billing"), await keys.revoke("billing"), await keys.revoke("x")]
    assert answers == [True, False, False]
    assert [await keys.verify(one) for one in (key, "dk_guess", "", "\ud800\x00")] == [None] * 4


async def test_a_name_is_given_once(database: Database) -> None:
    keys = ApiKeys(database)
    await keys.add("billing", [])
    with pytest.raises(RegistryError) as refusal:
        await keys.add("billing", [])
    assert (refusal.value.field, refusal.value.reason) == (
        "name",
        "There is an API key named billing already: choose another name.",
    )


async def test_a_policy_is_kept_as_it_was_first(database: Database) -> None:
    policies = Policies(database)
    await policies.keep("abc", "version: 1")
    await policies.keep("abc", "version: 1")
    assert (await policies.get("abc"), await policies.get("def")) == ("version: 1", None)
