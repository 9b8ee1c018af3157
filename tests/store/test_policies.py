"""Which policy is in force, and which versions are there?"""

from __future__ import annotations

import asyncio

from store.database import Database
from store.policies import Policies


async def test_the_latest_publication_is_in_force(database: Database) -> None:
    policies = Policies(database)
    assert await policies.current() is None

    first = await policies.publish("aa1", "{}", author="ada")
    second = await policies.publish("bb2", "{}", author="bob", note="softer")
    back = await policies.publish("aa1", "{}", author="ada", note="as before")

    assert (first, second, back) == (1, 2, 3)
    assert await policies.current() == "aa1"
    assert [(v.version, v.digest, v.author, v.note) for v in await policies.versions()] == [
        (3, "aa1", "ada", "as before"),
        (2, "bb2", "bob", "softer"),
        (1, "aa1", "ada", None),
    ]


async def test_publishing_what_is_in_force_is_no_new_version_even_at_the_same_moment(
    database: Database,
) -> None:
    policies = Policies(database)

    versions = await asyncio.gather(
        *(policies.publish("aa1", "{}", author="ada") for _ in range(8))
    )

    assert set(versions) == {1}
    assert len(await policies.versions()) == 1


async def test_a_version_is_named_by_number_or_by_the_beginning_of_its_digest(
    database: Database,
) -> None:
    policies = Policies(database)
    await policies.publish("aa1", "{}", author="ada")
    await policies.publish("aa2", "{}", author="ada")
    await policies.keep("cc3", "{}")

    names = ("1", "2", "aa2", "c", "aa", "9", "9" * 30, "", "%")
    assert [await policies.named(name) for name in names] == [
        "aa1",
        "aa2",
        "aa2",
        "cc3",
        None,
        None,
        None,
        None,
        None,
    ]
