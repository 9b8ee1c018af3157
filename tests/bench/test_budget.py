"""Does a recovered case of four messages stay within its budget of history and actions?"""

from __future__ import annotations

from pathlib import Path

from app.embedded.temporal import TemporalDevServer
from bench.budget import MOST_ACTIONS, MOST_EVENTS, of_a_case
from workflows.contracts import SEARCH_ATTRIBUTES


async def test_a_recovered_case_of_four_messages_stays_within_its_budget(
    temporal_cli: Path, database_url: str
) -> None:
    async with TemporalDevServer.start(
        temporal_cli, ui_port=0, time_skipping=False, search_attributes=SEARCH_ATTRIBUTES
    ) as server:
        cost = await of_a_case(server, database_url)
    print(f"a recovered case: {cost.events} events, {cost.actions} actions")  # noqa: T201
    assert (cost.events <= MOST_EVENTS, cost.actions <= MOST_ACTIONS) == (True, True), cost
