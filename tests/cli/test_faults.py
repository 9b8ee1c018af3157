"""Is every mistake one sentence and the right exit code, never a traceback?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import KEY, Ended, Typed

if TYPE_CHECKING:
    from app.embedded.postgres import EmbeddedPostgres

NOWHERE = "postgresql://dunning:secret@127.0.0.1:1/dunning"


def told(ended: Ended) -> tuple[int, str]:
    assert not ended.out
    assert "Traceback" not in ended.err
    assert "secret" not in ended.err
    return ended.code, ended.err.strip()


@pytest.mark.parametrize(
    "command",
    [["case", "list"], ["event", "list"], ["db", "upgrade"], ["key", "revoke", "shop"]],
    ids=" ".join,
)
async def test_a_database_that_is_down_is_exit_code_3(bare: Typed, command: list[str]) -> None:
    ended = await bare(*command, DUNNING_DATABASE_URL=NOWHERE, DUNNING_SECRET_KEY=KEY)
    assert told(ended) == (
        3,
        "PostgreSQL at 127.0.0.1:1 cannot be reached: check that it runs and accepts connections.",
    )


async def test_a_temporal_that_is_down_is_exit_code_3(bare: Typed) -> None:
    ended = await bare("temporal", "setup", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert told(ended) == (
        3,
        "Temporal at 127.0.0.1:1 does not answer. Start it, or set TEMPORAL_ADDRESS.",
    )


async def test_a_wrong_password_and_a_wrong_name_are_settings(
    bare: Typed, postgres: EmbeddedPostgres
) -> None:
    place = f"{postgres.host}:{postgres.port}"
    wrong = f"postgresql://{postgres.user}:secret@{place}/dunning"
    ended = await bare("case", "list", DUNNING_DATABASE_URL=wrong, DUNNING_SECRET_KEY=KEY)
    assert told(ended) == (
        2,
        "PostgreSQL refuses the user or the password of DUNNING_DATABASE_URL. Correct them.",
    )
    missing = postgres.dsn_of("nowhere")
    ended = await bare("case", "list", DUNNING_DATABASE_URL=missing, DUNNING_SECRET_KEY=KEY)
    assert told(ended)[0] == 2
    assert "does not exist" in ended.err


async def test_an_address_that_is_no_postgresql_is_a_setting(bare: Typed) -> None:
    for address in ("nonsense", "mysql://root@127.0.0.1/x", "postgresql://host:port/x"):
        code, sentence = told(await bare("case", "list", DUNNING_DATABASE_URL=address))
        assert code == 2
        assert sentence.startswith("DUNNING_DATABASE_URL is not the address of a PostgreSQL")


async def test_missing_tables_say_what_to_run(bare: Typed, postgres: EmbeddedPostgres) -> None:
    url = await postgres.create_database("empty_for_cli")
    try:
        ended = await bare("case", "list", DUNNING_DATABASE_URL=url, DUNNING_SECRET_KEY=KEY)
        assert told(ended) == (
            1,
            "The database lacks tables of this version. Run `dunning db upgrade`.",
        )
        first = await bare("db", "upgrade", DUNNING_DATABASE_URL=url)
        again = await bare("db", "upgrade", DUNNING_DATABASE_URL=url)
        assert told(first) == (0, "The tables are upgraded.")
        assert told(again) == (0, "The tables are those of this version already.")
    finally:
        await postgres.drop_database("empty_for_cli")


async def test_without_a_database_the_way_on_is_told(bare: Typed) -> None:
    code, sentence = told(await bare("case", "list"))
    assert code == 2
    assert sentence.startswith("DUNNING_DATABASE_URL is not set, and no `dunning up` runs on ")


@pytest.mark.parametrize(
    "arguments",
    [["case", "frob"], ["case", "list", "--state", "odd"], ["case", "extend", "INV-1", "91"]],
    ids=" ".join,
)
async def test_bad_usage_is_exit_code_2(bare: Typed, arguments: list[str]) -> None:
    code, sentence = told(await bare(*arguments))
    assert code == 2
    assert "Usage: dunning case" in sentence
