"""How do a case's activities behave when a test writes their part?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from temporalio import activity

from dunning.charge import ChargeResult, Collected
from dunning.events import Closed, NudgeResult, Opened, Sent, Terms
from dunning.facts import Case
from dunning.states import State
from tests.rules.builders import TERMS, opened
from workflows.contracts import (
    CaseActivities,
    CaseRecord,
    ChargeInput,
    ChargeOutput,
    NudgeActivities,
    NudgeInput,
    NudgeOutput,
    OpenInput,
)

Nudge = Callable[[NudgeInput], Awaitable[NudgeResult]]
Charger = Callable[[ChargeInput], Awaitable[ChargeResult]]


async def sent(_: NudgeInput) -> NudgeResult:
    """A vendor that takes everything."""
    return Sent(at=activity.info().started_time)


async def collected(asked: ChargeInput) -> ChargeResult:
    """A card that has the money."""
    return Collected(transaction_id="t9", card=asked.case.awaiting)


@dataclass(slots=True)
class Script:
    """What the activities do, and what they were asked."""

    nudge: Nudge = sent
    charge: Charger = collected
    terms: Terms = TERMS
    faults: list[Exception] = field(default_factory=list[Exception])
    """Raised by the next projections and closings, one each."""
    steps: list[str] = field(default_factory=list[str])
    shown: list[Case] = field(default_factory=list[Case])
    closed: list[Case] = field(default_factory=list[Case])

    def stumble(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


class ScriptedCase(CaseActivities):
    def __init__(self, script: Script) -> None:
        self._script = script

    @activity.defn(name="open_case")
    async def open_case(self, asked: OpenInput) -> Opened:
        return opened(asked.work, self._script.terms)

    @activity.defn(name="project_case")
    async def project_case(self, record: CaseRecord) -> None:
        self._script.stumble()
        self._script.shown.append(record.case)

    @activity.defn(name="charge")
    async def charge(self, asked: ChargeInput) -> ChargeOutput:
        self._script.steps.append(asked.work.key)
        return ChargeOutput(result=await self._script.charge(asked))

    @activity.defn(name="close_case")
    async def close_case(self, record: CaseRecord) -> Closed:
        assert record.case.state is State.CLOSED
        self._script.stumble()
        self._script.closed.append(record.case)
        receipt = record.case.receipt
        if receipt is None:
            return Closed()
        self._script.steps.append(receipt.id)
        return Closed(receipt=Sent(at=activity.info().started_time))


class ScriptedNudge(NudgeActivities):
    def __init__(self, script: Script) -> None:
        self._script = script

    @activity.defn(name="nudge")
    async def nudge(self, asked: NudgeInput) -> NudgeOutput:
        self._script.steps.append(asked.step.id)
        return NudgeOutput(result=await self._script.nudge(asked))
