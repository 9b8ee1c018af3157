"""How do events get to the merchant's endpoints? In the background, for ever, each at least once.

Claims are leases, so that several processes may deliver and a crash loses nothing: what was posted
and not recorded is posted again, under the same id.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Counter, Gauge

from dunning.errors import DunningError
from dunning.outgoing import TEST, pause_after
from dunning.ports import Receipt, Receiver
from store.endpoints import Endpoint, Endpoints
from store.outgoing import ClaimedOutgoing, Outgoing
from webhook.signing import signed

_log = structlog.get_logger(__name__)
_ATTEMPTS = Counter("dunning_outgoing_total", "Attempts to deliver events, by result", ["result"])
_OLDEST = Gauge("dunning_outgoing_oldest_due_seconds", "How long the oldest due event has waited")
# Longer than any attempt takes, so that nobody else is at it meanwhile.
_LEASE = timedelta(minutes=1)
_POLL_SECONDS = 1.0
_UPKEEP_SECONDS = 15.0
_UPKEEPS_A_PRUNING = 240
_GRACE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_GONE = 410
_HOLDING = (429, 503)
GONE = "the endpoint answered 410 Gone and is disabled"


@dataclass(slots=True, kw_only=True)
class Deliverer:
    """Posts due events. An endpoint has `each` under way at most, whatever the others do."""

    outgoing: Outgoing
    endpoints: Endpoints
    receiver: Receiver
    now: Callable[[], datetime]
    together: int = 64
    each: int = 4
    lease: timedelta = _LEASE
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def run(self) -> None:
        """Deliver until stopped; what is under way then has a few seconds to end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver_all())
            group.create_task(self._keep_up())

    def stop(self) -> None:
        """Take nothing more, and return from `run`."""
        self._stopping.set()
        self._stirred.set()

    async def once(self) -> int:
        """Deliver all that is due now, and what it lets through; how many attempts were made."""
        made = 0
        while taken := await self._take():
            made += len(taken)
            await asyncio.gather(*taken)
        return made

    async def _deliver_all(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._stirred.clear()
            try:
                taken = await self._take()
            except Exception as fault:  # noqa: BLE001 (whatever it is, events go on after it)
                _log.warning("outgoing_waits", reason=_reason(fault), seconds=pause)
                await _within(pause, self._stopping)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if not taken:
                await _within(_POLL_SECONDS, self._stirred)
        await self._wind_up()

    async def _take(self) -> list[asyncio.Task[None]]:
        room = self.together - len(self._under_way)
        if room <= 0:
            return []
        claimed = await self.outgoing.claim(room, self.lease, each=self.each)
        tasks = [asyncio.create_task(self._attempt(one)) for one in claimed]
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return tasks

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What waited for this one may go now."""
        self._under_way.discard(task)
        self._stirred.set()

    async def _wind_up(self) -> None:
        """What does not end in time is due again when its lease is over."""
        left = set(self._under_way)
        if left:
            _, left = await asyncio.wait(left, timeout=_GRACE_SECONDS)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _attempt(self, one: ClaimedOutgoing) -> None:
        try:
            receipt = await self._post(one)
        except Exception as fault:  # noqa: BLE001 (one event must not keep the others)
            _log.error("outgoing_failed", webhook_id=one.webhook_id, fault=type(fault).__name__)
            receipt = Receipt(fault="a fault of this service, which was logged")
        try:
            await self._settle(one, receipt)
        except Exception as fault:  # noqa: BLE001 (the lease runs out, and it is posted again)
            _log.warning("outgoing_unrecorded", webhook_id=one.webhook_id, reason=_reason(fault))

    async def _post(self, one: ClaimedOutgoing) -> Receipt:
        body = document(one.kind, one.happened_at, one.data)
        keys = self.endpoints.secrets_of(one.salts)
        headers = signed(one.webhook_id, body, secrets=keys, now=self.now())
        return await self.receiver.post(one.url, body, headers)

    async def _settle(self, one: ClaimedOutgoing, receipt: Receipt) -> None:
        if receipt.taken:
            await self.outgoing.delivered(one.id, receipt.status or 0)
            _ATTEMPTS.labels("delivered").inc()
            return
        if receipt.status == _GONE:
            await self._disable(one)
            return
        asked = receipt.retry_after if receipt.status in _HOLDING else None
        if asked:
            await self.endpoints.hold(one.endpoint_id, asked)
        await self._fail(one, receipt, pause_after(one.attempts, asked))

    async def _fail(self, one: ClaimedOutgoing, receipt: Receipt, pause: timedelta | None) -> None:
        fault = receipt.fault or f"the endpoint answered {receipt.status}"
        await self.outgoing.failed(one, status=receipt.status, fault=fault, pause=pause)
        _ATTEMPTS.labels("failed").inc()
        if pause is None:
            _ATTEMPTS.labels("dead").inc()
            _log.error(
                "outgoing_dead",
                webhook_id=one.webhook_id,
                kind=one.kind.value,
                case=one.data["case"],
                endpoint=one.endpoint_id,
                attempts=one.attempts,
                status=receipt.status,
                reason=fault,
            )

    async def _disable(self, one: ClaimedOutgoing) -> None:
        await self.outgoing.failed(one, status=_GONE, fault=GONE, pause=None)
        died = await self.endpoints.disable(one.endpoint_id, GONE)
        _ATTEMPTS.labels("failed").inc()
        _ATTEMPTS.labels("dead").inc(1 + (died or 0))
        if died is not None:
            _log.error("endpoint_disabled", endpoint=one.endpoint_id, reason=GONE, dead=1 + died)

    async def _keep_up(self) -> None:
        """Tell how late we are, and now and then forget what is old."""
        turn = 0
        while not self._stopping.is_set():
            try:
                _OLDEST.set(await self.outgoing.oldest_due() or 0.0)
                if turn % _UPKEEPS_A_PRUNING == 0:
                    await self.outgoing.prune()
            except Exception as fault:  # noqa: BLE001 (whatever it is, events go on meanwhile)
                _log.warning("outgoing_upkeep_put_off", reason=_reason(fault))
            turn += 1
            await _within(_UPKEEP_SECONDS, self._stopping)


async def post_test(
    endpoint: Endpoint, endpoints: Endpoints, receiver: Receiver, now: datetime
) -> Receipt:
    """Post an event that tells nothing, once, whether the endpoint is disabled or not."""
    keys = await endpoints.secrets(endpoint.id)
    body = document(TEST, now, {"endpoint": endpoint.id})
    headers = signed(f"msg_{secrets.token_hex(16)}", body, secrets=keys, now=now)
    return await receiver.post(endpoint.url, body, headers)


def document(kind: str, happened_at: datetime, data: object) -> bytes:
    """The body of an event."""
    moment = happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = {"type": kind, "timestamp": moment, "data": data}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _reason(fault: Exception) -> str:
    """Only our own faults may speak: the text of another may quote anything."""
    return str(fault) if isinstance(fault, DunningError) else type(fault).__name__


async def _within(seconds: float, happening: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await happening.wait()
