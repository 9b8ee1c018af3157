"""Is a message sent twice, or lost, when a worker is killed at any point of sending it?

One worker process is killed with SIGKILL while it stands at every point at once, each for another
customer. The next worker then goes on; what counts is what the vendors have in the end.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from dunning.channel import Channel
from sandbox.faults import Fault, FaultKind, Moment, Vendor
from tests.cli.conftest import started
from tests.stories.leaping import leap
from tests.stories.single_message import POLICY
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import eventually, rows
from tests.stories.workers import given

# Longer than the worker lives, and shorter than it waits for a vendor by itself.
_LONG = 40.0
_A_WHILE = 9.0


class Point(StrEnum):
    """How far the worker had come with a message when it was killed."""

    RESERVE = "reserved, and nothing requested yet"
    REQUEST_LOST = "requested, and the request never arrived"
    REQUEST_LATE = "requested, and the request arrived after the death"
    RESPONSE = "taken by the vendor, and not answered yet"
    RECORD = "answered, and not recorded yet"


@dataclass(frozen=True, slots=True)
class Ending:
    """How many messages the vendor has, and what the ledger says."""

    at_the_vendor: int
    status: str


# Only where the vendor certainly never got the first is there a second try. A text can be looked
# for at the vendor; an email cannot, so nobody knows of it unless the vendor reports.
EXPECTED: Mapping[tuple[Point, Channel], Ending] = {
    (Point.RESERVE, Channel.EMAIL): Ending(1, "sent"),
    (Point.RESERVE, Channel.SMS): Ending(1, "sent"),
    (Point.REQUEST_LOST, Channel.EMAIL): Ending(0, "unknown"),
    (Point.REQUEST_LOST, Channel.SMS): Ending(0, "unknown"),
    (Point.REQUEST_LATE, Channel.EMAIL): Ending(1, "unknown"),
    (Point.REQUEST_LATE, Channel.SMS): Ending(1, "sent"),
    (Point.RESPONSE, Channel.EMAIL): Ending(1, "unknown"),
    (Point.RESPONSE, Channel.SMS): Ending(1, "sent"),
    (Point.RECORD, Channel.EMAIL): Ending(1, "unknown"),
    (Point.RECORD, Channel.SMS): Ending(1, "sent"),
}
_FAULTS = {
    Point.REQUEST_LOST: Fault(kind=FaultKind.DROP, when=Moment.BEFORE, delay_s=_LONG),
    Point.REQUEST_LATE: Fault(kind=FaultKind.DELAY, when=Moment.BEFORE, delay_s=_A_WHILE),
    Point.RESPONSE: Fault(kind=FaultKind.DELAY, when=Moment.AFTER, delay_s=_LONG),
}
_CHANGES = {
    Point.RESERVE: "NEW.requested_at IS NOT NULL AND OLD.requested_at IS NULL",
    Point.RECORD: "NEW.status = 'sent' AND OLD.status = 'reserved'",
}
Cast = Mapping[tuple[Point, Channel], Invoice]


async def test_a_worker_killed_at_any_point_sends_nothing_twice_and_loses_nothing_unsaid(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    opening = Stage.open(
        database_url,
        temporal.address,
        work=False,
        DUNNING_POLICY=str(policy),
        DUNNING_REPORT_WAIT="0",
    )
    async with opening as stage:
        cast = await _cast(stage)
        environment = {**given(stage.settings), "TEMPORAL_ADDRESS": temporal.address}
        async with started(tmp_path, "worker", **environment) as worker:
            await worker.until('"working"')
            await _bring_to_their_points(stage, cast)
            killed = await worker.end(signal.SIGKILL)
        assert killed.code == -signal.SIGKILL
        open_rows = await rows(stage, "SELECT status, count(*) AS n FROM messages GROUP BY 1")
        assert open_rows == [{"status": "reserved", "n": len(EXPECTED)}]

        async with started(tmp_path, "worker", **environment) as worker:
            await worker.until('"working"')
            await eventually(lambda: _all_settled(stage), within=90)
            assert await _endings(stage, cast) == EXPECTED
        await stage.end_all()


async def _cast(stage: Stage) -> Cast:
    tell = Teller.of(stage)
    cast = {place: await _invoice(tell, place[1]) for place in EXPECTED}
    for (point, channel), invoice in cast.items():
        if point in _FAULTS:
            vendor = Vendor.SENDGRID if channel is Channel.EMAIL else Vendor.TWILIO
            address = invoice.email if channel is Channel.EMAIL else invoice.phone
            stage.sandbox.faults.plan(vendor, _FAULTS[point], to=address)
    for point, change in _CHANGES.items():
        await _hold_up(stage, change, [i.id for place, i in cast.items() if place[0] is point])
    return cast


async def _invoice(tell: Teller, channel: Channel) -> Invoice:
    tier = {"value_tier": "texts"} if channel is Channel.SMS else {}
    return await tell.invoice(customer=tier)


async def _hold_up(stage: Stage, change: str, invoice_ids: list[str]) -> None:
    """Let the database take its time with one change of these invoices' messages, once each.

    The worker that asked for it dies meanwhile, and its transaction with it.
    """
    name = f"hold_up_{abs(hash(change))}"
    ids = ", ".join(f"'{one}'" for one in invoice_ids)
    async with stage.stores.database.begin() as connection:
        await connection.execute(text(f"CREATE SEQUENCE {name}"))
        await connection.execute(
            text(f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM cases c WHERE c.id = NEW.case_id
                           AND c.invoice_id IN ({ids}))
                   AND nextval('{name}') <= {len(invoice_ids)} THEN
                    PERFORM pg_sleep({_LONG});
                END IF;
                RETURN NEW;
            END $$
        """)
        )
        await connection.execute(
            text(f"""
            CREATE TRIGGER {name} BEFORE UPDATE ON messages FOR EACH ROW
            WHEN ({change}) EXECUTE FUNCTION {name}()
        """)
        )


async def _bring_to_their_points(stage: Stage, cast: Cast) -> None:
    for invoice in cast.values():
        await invoice.fails()
    async with leap(stage, list(cast.values())):
        await eventually(lambda: _all_there(stage, cast), within=30)


async def _all_there(stage: Stage, cast: Cast) -> bool:
    """Four changes sleep in the database, every fault has struck, and the vendors took two each."""
    sleeping = await rows(
        stage, "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    )
    taken = {message.to for message in stage.sandbox.messages}
    answered = {_address(cast, point, channel) for point, channel in cast if point in _TAKEN}
    return (
        sleeping == [{"n": 2 * len(_CHANGES)}]
        and not stage.sandbox.faults.plans()
        and answered <= taken
    )


_TAKEN = (Point.RESPONSE, Point.RECORD)


def _address(cast: Cast, point: Point, channel: Channel) -> str:
    invoice = cast[point, channel]
    return invoice.email if channel is Channel.EMAIL else invoice.phone


async def _all_settled(stage: Stage) -> bool:
    left = "SELECT count(*) AS n FROM messages WHERE status IN ('reserved', 'planned')"
    return await rows(stage, left) == [{"n": 0}]


async def _endings(stage: Stage, cast: Cast) -> dict[tuple[Point, Channel], Ending]:
    found = await rows(
        stage,
        """
        SELECT c.invoice_id, m.status FROM messages m JOIN cases c ON c.id = m.case_id
        """,
    )
    statuses = {row["invoice_id"]: row["status"] for row in found}
    return {
        place: Ending(
            sum(message.to == _address(cast, *place) for message in stage.sandbox.messages),
            statuses[invoice.id],
        )
        for place, invoice in cast.items()
    }
