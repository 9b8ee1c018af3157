"""What do the tests of the pages share? One browser and one running product, for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.looking import Reader
from tests.pages.site import open_site

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.embedded.postgres import EmbeddedPostgres
    from app.embedded.temporal import TemporalDevServer
    from tests.pages.site import Site


@pytest.fixture(scope="session")
async def site(
    postgres: EmbeddedPostgres,
    migrated_template: str,
    temporal: TemporalDevServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Site]:
    """The product with customers of every kind; looking changes none of them."""
    url = await postgres.create_database("pages", template=migrated_template)
    async with open_site(url, temporal.address, tmp_path_factory.mktemp("pages")) as opened:
        yield opened


@pytest.fixture(scope="session")
async def reader() -> AsyncGenerator[Reader]:
    """A browser that starts once."""
    async with Reader.start() as started:
        yield started
