"""Does the embedded PostgreSQL keep its data, whatever happens to its owner?"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.embedded.errors import EmbeddedServerError
from app.embedded.identity import as_other_user
from app.embedded.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.embedded.conftest import Owned

    Own = Callable[[str, Path], AbstractAsyncContextManager[Owned]]
    UntilGone = Callable[[int], Awaitable[None]]


async def _run(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_a_server_starts_on_loopback_with_a_password_of_its_own(tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(tmp_path / "data", durable=False) as postgres:
        version = await _run(postgres.dsn, "SHOW server_version_num")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.dsn, password="guess")
    password = tmp_path / "data" / "password"
    assert postgres.host == "127.0.0.1"
    assert postgres.url == postgres.dsn.replace("postgresql://", "postgresql+asyncpg://")
    assert int(str(version)) >= 180000
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() in postgres.dsn


async def test_data_survives_a_restart_in_a_path_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces"
    async with EmbeddedPostgres.start(folder) as postgres:
        await _run(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    async with EmbeddedPostgres.start(folder) as postgres:
        assert await _run(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_the_modes_of_parent_folders_are_left_alone(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    async with EmbeddedPostgres.start(private / "data", durable=False) as postgres:
        assert await _run(postgres.dsn, "SELECT 1") == 1
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_a_second_start_on_a_served_folder_is_refused(tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(tmp_path, durable=False):
        with pytest.raises(EmbeddedServerError) as refusal:
            async with EmbeddedPostgres.start(tmp_path):
                pass
    assert str(refusal.value) == (
        f"The data folder {tmp_path} is in use by process {os.getpid()}: stop that one first, or "
        "set DUNNING_DATA_DIR to another folder."
    )


async def test_the_server_ends_with_a_killed_owner_and_keeps_the_data(
    tmp_path: Path, owned: Own, until_gone: UntilGone
) -> None:
    async with owned("postgres", tmp_path) as it:
        await _run(it.address, "CREATE TABLE kept AS SELECT 42 AS answer")
        await it.kill_owner()
        async with EmbeddedPostgres.start(tmp_path) as postgres:
            assert await _run(postgres.dsn, "SELECT answer FROM kept") == 42
        await until_gone(it.server_pid)


async def test_a_pid_file_left_by_a_killed_server_is_survived(tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(tmp_path, durable=False):
        left_over = (tmp_path / "cluster" / "postmaster.pid").read_text()
    recycled = left_over.replace(left_over.partition("\n")[0], str(os.getpid()), 1)
    (tmp_path / "cluster" / "postmaster.pid").write_text(recycled)
    async with EmbeddedPostgres.start(tmp_path, durable=False) as postgres:
        assert await _run(postgres.dsn, "SELECT 1") == 1


async def test_a_set_up_that_was_cut_short_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new" / "PG_VERSION").write_text("18")
    async with EmbeddedPostgres.start(tmp_path, durable=False) as postgres:
        assert await _run(postgres.dsn, "SELECT 1") == 1


async def test_a_database_is_made_on_demand_and_once(postgres: EmbeddedPostgres) -> None:
    first = await postgres.create_database('on "demand"')
    second = await postgres.create_database('on "demand"')
    assert first == second
    assert await _run(postgres.dsn_of('on "demand"'), "SELECT current_database()") == 'on "demand"'
    await postgres.drop_database('on "demand"')
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(postgres.dsn_of('on "demand"'))


async def test_a_test_gets_a_database_with_all_tables(
    postgres: EmbeddedPostgres, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    tables = await _run(
        postgres.dsn_of(name), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    )
    assert int(str(tables)) > 0


async def test_a_folder_that_the_other_user_cannot_reach_is_told(tmp_path: Path) -> None:
    hidden = tmp_path / "private" / "data"
    hidden.mkdir(parents=True)
    hidden.parent.chmod(0o700)
    with pytest.raises(EmbeddedServerError) as refusal:
        await as_other_user(hidden, 65534, 65534)
    assert str(refusal.value) == (
        f"PostgreSQL does not run as root, and user 65534 cannot reach {hidden}: set "
        "DUNNING_DATA_DIR to a folder whose parents everybody may enter, or start as an ordinary "
        "user."
    )


async def test_a_port_in_use_is_told(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError) as refusal:
        async with EmbeddedPostgres.start(tmp_path, port=postgres.port):
            pass
    assert str(refusal.value) == (
        f"The port {postgres.port} for PostgreSQL is in use: stop what listens there, or choose "
        "another."
    )
