"""How are the histories made? `python -m tests.replay.record` plays cases and writes them down.

Record again only when a change is meant to break old cases; else add new ones and keep the old,
which stand for the cases that run at the merchants.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from app.demo.stage import Stage
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal
from app.policy_file import default_policy_text
from dunning.ids import workflow_id
from sandbox.faults import Fault, FaultKind, Vendor
from sandbox.revtain_ledger import Outcome
from store import migrations

HISTORIES = Path(__file__).parent / "histories"
ROOT = Path(__file__).resolve().parents[2]
CUSTOMER = {
    "name": "Grace Hopper",
    "email": "grace@example.com",
    "phone": "+12125550123",
    "timezone": "America/New_York",
    "sms_consent_at": "2026-01-05T10:00:00Z",
}
_HOST = re.compile(r'"identity":"[^"]*"')
_TRACE = re.compile(r'"stackTrace":"(?:[^"\\]|\\.)*"')
Play = Callable[[Stage, str], Awaitable[None]]


def _days(days: float) -> timedelta:
    return timedelta(days=days)


async def _failed(stage: Stage, invoice_id: str, **fields: str) -> None:
    given = {"recommendedAction": "request_card_update", "declineCode": "do_not_honor", **fields}
    await stage.fire("recovery.failed", f"{invoice_id}-t1", **given)


async def waiting(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.advance(_days(7))


async def watching(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id, recommendedAction="retry_later")


async def retrying(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.advance(_days(1))
    await stage.call("POST", f"/v1/invoices/{invoice_id}/card", {"payment_method_token": "pm_new"})
    await stage.settle()


async def promised(stage: Stage, invoice_id: str) -> None:
    """Chosen by the customer, broken, and the campaign goes on."""
    await _failed(stage, invoice_id)
    await stage.advance(_days(3))
    day = (stage.now + _days(5)).date().isoformat()
    await stage.order(invoice_id, "promise", day=day)
    await stage.advance(_days(11))


async def paused(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.order(invoice_id, "pause", note="asked for time")
    await stage.settle()


async def review(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id, recommendedAction="manual_review")


async def sending(stage: Stage, invoice_id: str) -> None:
    """Left in the middle of a nudge: the vendor hesitates longer than the recorder waits."""
    await _failed(stage, invoice_id)
    stage.sandbox.faults.plan(Vendor.SENDGRID, Fault(kind=FaultKind.DELAY, delay_s=8))
    case = (await stage.stores.cases.find())[0]
    handle = stage.client.get_workflow_handle(case.workflow_id)
    # Time stands still while an activity runs, so the move itself is not waited for.
    moving = asyncio.create_task(stage.skipper.fast_forward(handle, timedelta(hours=20)))
    while not (await handle.describe()).raw_description.pending_activities:
        await asyncio.sleep(0.05)
    moving.cancel()


async def replanned(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.advance(_days(5))
    await _failed(stage, invoice_id, declineCode="authentication_required")
    await stage.order(invoice_id, "replan")
    await stage.advance(_days(3))


async def card_failed(stage: Stage, invoice_id: str) -> None:
    await retrying(stage, invoice_id)
    await stage.register(invoice_id, revtain={"transaction_ids": [f"{invoice_id}-t2"]})
    await stage.fire("recovery.failed", f"{invoice_id}-t2", recommendedAction="request_card_update")
    await stage.advance(_days(4))


async def doubted(stage: Stage, invoice_id: str) -> None:
    """A stronger advice before the first message: the campaign is taken back."""
    await _failed(stage, invoice_id)
    await _failed(stage, invoice_id, recommendedAction="manual_review")
    await stage.advance(_days(6))


async def put_off(stage: Stage, invoice_id: str) -> None:
    """A vendor that is busy for seconds, then for hours, then does not answer."""
    busy = [
        Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": seconds})
        for seconds in ("5", "20000")
    ]
    stage.sandbox.faults.plan(Vendor.SENDGRID, *busy, Fault(kind=FaultKind.DROP))
    await _failed(stage, invoice_id)
    await stage.advance(_days(5))


async def extended(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id, recommendedAction="manual_review")
    await stage.order(invoice_id, "decide", decision="extend")
    await stage.advance(_days(25))
    await stage.order(invoice_id, "decide", decision="hand_over")
    await stage.settle()


async def recovered(stage: Stage, invoice_id: str) -> None:
    await waiting(stage, invoice_id)
    await stage.fire("recovery.success", f"{invoice_id}-t1")
    await stage.advance(_days(2))


async def cancelled(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.call("POST", f"/v1/invoices/{invoice_id}/void", {})
    await stage.settle()


async def stopped(stage: Stage, invoice_id: str) -> None:
    await waiting(stage, invoice_id)
    await stage.order(invoice_id, "extend", days=2)
    await stage.order(invoice_id, "stop")
    await stage.settle()


async def written_off(stage: Stage, invoice_id: str) -> None:
    await _failed(stage, invoice_id)
    await stage.advance(_days(40))


async def service_ended(stage: Stage, invoice_id: str) -> None:
    """Announced in the review, and over a week after the close."""
    await _failed(stage, invoice_id)
    await stage.advance(_days(50))


async def service_kept(stage: Stage, invoice_id: str) -> None:
    """Given up by a person, and paid before the end."""
    await _failed(stage, invoice_id, recommendedAction="manual_review")
    await stage.order(invoice_id, "decide", decision="write_off")
    await stage.advance(_days(2))
    await stage.fire("recovery.success", f"{invoice_id}-t1")
    await stage.advance(_days(20))


async def charged(stage: Stage, invoice_id: str) -> None:
    """By us, at once."""
    await retrying(stage, invoice_id)
    await stage.advance(_days(1))


async def charge_queued(stage: Stage, invoice_id: str) -> None:
    """Put off first, then declined; a second card is queued, and left so."""
    stage.sandbox.revtain.set_outcome("pm_new", Outcome.FAILED, "card_declined")
    stage.sandbox.revtain.set_outcome("pm_newer", Outcome.QUEUED)
    busy = Fault(kind=FaultKind.STATUS, status=503, headers={"Retry-After": "600"})
    stage.sandbox.faults.plan(Vendor.REVTAIN, Fault(kind=FaultKind.DROP), busy)
    await retrying(stage, invoice_id)
    await stage.advance(_days(3))
    card = {"payment_method_token": "pm_newer"}
    await stage.call("POST", f"/v1/invoices/{invoice_id}/card", card)
    await stage.settle()


# Under the default policy, but for what becomes of the service, and who charges a new card.
_CANCELLING = (service_ended, service_kept)
_CHARGING = (charged, charge_queued)
PLAYS: tuple[Play, ...] = (
    waiting,
    watching,
    retrying,
    promised,
    paused,
    review,
    sending,
    replanned,
    card_failed,
    doubted,
    put_off,
    extended,
    recovered,
    cancelled,
    stopped,
    written_off,
    service_ended,
    service_kept,
    charged,
    charge_queued,
)


def _registration(invoice_id: str) -> dict[str, object]:
    return {
        "amount_due": 4900,
        "currency": "USD",
        "description": "Pro plan, March",
        "billing_period": "month",
        "payment_url": "https://shop.example/pay/secret",
        "payment_method_token": "pm_old",
        "customer": {"id": f"cus_{invoice_id}", **CUSTOMER},
        "revtain": {"transaction_ids": [f"{invoice_id}-t1"]},
    }


def _without_this_machine(history: str) -> str:
    """Compact JSON that does not name the machine it was recorded on."""
    compact = json.dumps(json.loads(history), separators=(",", ":"))
    compact = _TRACE.sub('"stackTrace":""', compact)
    return _HOST.sub('"identity":"recorder"', compact).replace(socket.gethostname(), "recorder")


def _policy(play: Play, folder: Path) -> str:
    file, text = folder / "policy.yaml", default_policy_text()
    if play in _CANCELLING:
        text = text.replace("service: keep ", "service: cancel ")
    if play in _CHARGING:
        text = text.replace("charged_by: merchant", "charged_by: us")
    file.write_text(text)
    return str(file)


async def _record(
    server: TemporalDevServer, pg: EmbeddedPostgres, play: Play, folder: Path
) -> None:
    name = play.__name__.replace("_", "-")
    invoice_id = f"INV-{name}"
    url = await pg.create_database(play.__name__)
    await asyncio.to_thread(migrations.upgrade, url)
    opening = Stage.open(
        url,
        server.address,
        DUNNING_POLICY=_policy(play, folder),
        REVTAIN_API_KEY="rev_recorder",
    )
    async with opening as stage:
        await stage.register(invoice_id, **_registration(invoice_id))
        await play(stage, invoice_id)
        handle = stage.client.get_workflow_handle(workflow_id(invoice_id, 1))
        history = await handle.fetch_history()
        HISTORIES.mkdir(exist_ok=True)
        (HISTORIES / f"{name}.json").write_text(_without_this_machine(history.to_json()))
        print(f"{name}: {len(history.events)} events")  # noqa: T201 (a command)
        await stage.end_all()


async def main() -> None:
    """Record all of them on servers of their own."""
    with tempfile.TemporaryDirectory() as folder:
        binary = await find_temporal(None, ROOT / ".dunning", console=Console(stderr=True))
        async with (
            EmbeddedPostgres.start(Path(folder) / "pg", durable=False) as pg,
            TemporalDevServer.start(binary, ui_port=0) as server,
        ):
            for play in PLAYS:
                if len(sys.argv) < 2 or play.__name__ in sys.argv[1:]:
                    await _record(server, pg, play, Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
    gc.collect()
