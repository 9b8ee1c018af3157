"""What does the bare SDK cost? A client, a worker and the least of all cases, in a process each.

python -m bench.bare '{"role": "worker", "address": "127.0.0.1:7233", "count": 1000}'
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from itertools import count
from time import perf_counter
from typing import Literal

import uvloop
from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from app import clock
from bench.bare_case import FAILED, NOTHING, QUEUE, RECOVERED, WORKFLOW, BareWorkflow


class Task(BaseModel):
    """What a process of this module does, to `count` cases from number `first` on."""

    model_config = ConfigDict(frozen=True)

    role: Literal["worker", "starter", "signaller"]
    address: str
    count: int
    first: int = 0
    in_flight: int = 32
    rate: float = 50.0


async def _work(task: Task, client: Client) -> Sequence[float]:
    """Work until so many cases have had their activity; the instant of the last."""
    left, done = count(task.count - 1, -1), asyncio.Event()

    @activity.defn(name=NOTHING)
    async def counted() -> None:
        if next(left) == 0:
            done.set()

    pollers = PollerBehaviorAutoscaling(minimum=1, maximum=20, initial=4)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareWorkflow],
        activities=[counted],
        workflow_task_poller_behavior=pollers,
        activity_task_poller_behavior=pollers,
    ):
        _say("ready")
        await done.wait()
        finished = clock.now().timestamp()
        _say(f"{finished}")
        await asyncio.sleep(3600)
    return ()


async def _start(task: Task, client: Client) -> Sequence[float]:
    """Start all, so many at a time; the instant of the first."""
    began = clock.now().timestamp()
    numbers = iter(range(task.first, task.first + task.count))

    async def lane() -> None:
        for number in numbers:
            await client.start_workflow(
                WORKFLOW,
                [],
                id=_id(number),
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal=FAILED,
            )

    await asyncio.gather(*(lane() for _ in range(task.in_flight)))
    return (began,)


async def _signal(task: Task, client: Client) -> Sequence[float]:
    """Signal all at a steady rate; the milliseconds of each round trip."""
    begin = perf_counter()

    async def one(number: int) -> float:
        await asyncio.sleep(begin + number / task.rate - perf_counter())
        sent = perf_counter()
        await client.get_workflow_handle(_id(task.first + number)).signal(RECOVERED)
        return (perf_counter() - sent) * 1000

    return await asyncio.gather(*(one(number) for number in range(task.count)))


def _id(number: int) -> str:
    return f"bare:{number}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


_ROLES = {"worker": _work, "starter": _start, "signaller": _signal}


async def run(task: Task) -> None:
    """Carry the task out and write its figures, one a line."""
    client = await Client.connect(task.address)
    for figure in await _ROLES[task.role](task, client):
        _say(f"{figure}")


def main() -> None:
    """Read the task from the command line."""
    uvloop.run(run(Task.model_validate_json(sys.argv[1])))
    # The Temporal client may crash the interpreter when its last objects die at exit.
    os._exit(0)


if __name__ == "__main__":
    main()
