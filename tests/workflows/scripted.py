"""What does the world answer when only the workflow is on trial? Activities with a script."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import activity

from dunning.channel import Channel
from dunning.events import Closed, NudgeResult, Opened, Sent, Terms
from dunning.facts import Case
from dunning.states import Outcome
from dunning.steps import Step
from workflows.contracts import (
    CaseActivities,
    CaseRecord,
    NudgeActivities,
    NudgeInput,
    NudgeOutput,
    OpenInput,
)

TERMS = Terms(
    spacing=timedelta(hours=24),
    watch=timedelta(days=45),
    watch_then_campaign=False,
    retry=timedelta(days=3),
    review=timedelta(days=5),
    review_rounds=2,
    review_then=Outcome.WRITTEN_OFF,
    receipt=False,
)


def plan(anchor: datetime) -> tuple[Step, ...]:
    """Four emails, the first after two hours."""
    return tuple(
        Step(
            id=f"monthly.{name}",
            channel=Channel.EMAIL,
            template="reminder",
            due_at=anchor + timedelta(hours=hours),
        )
        for name, hours in (("first", 2), ("second", 96), ("third", 216), ("final", 528))
    )


@dataclass(slots=True)
class ScriptedCase(CaseActivities):
    """Plans one campaign, and remembers what was shown and closed."""

    shown: list[Case] = field(default_factory=list[Case])
    closed: list[Case] = field(default_factory=list[Case])

    @activity.defn(name="open_case")
    async def open_case(self, asked: OpenInput) -> Opened:
        steps = plan(asked.work.anchor)
        return Opened(
            policy_digest="d1",
            terms=TERMS,
            advice=asked.work.advice,
            decline_code=asked.work.decline_code,
            campaign="monthly" if asked.work.advice.writes else None,
            steps=steps if asked.work.advice.writes else (),
            review_at=steps[-1].due_at,
        )

    @activity.defn(name="project_case")
    async def project_case(self, record: CaseRecord) -> None:
        self.shown.append(record.case)

    @activity.defn(name="close_case")
    async def close_case(self, record: CaseRecord) -> Closed:
        self.closed.append(record.case)
        return Closed()


@dataclass(slots=True)
class ScriptedNudges(NudgeActivities):
    """Sends at once, or hangs as long as a test wants."""

    sent: list[str] = field(default_factory=list[str])
    hanging: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="nudge")
    async def nudge(self, asked: NudgeInput) -> NudgeOutput:
        self.begun.set()
        if self.hanging is not None:
            await self.hanging.wait()
        self.sent.append(asked.step.id)
        result: NudgeResult = Sent(at=activity.info().started_time)
        return NudgeOutput(result=result)
