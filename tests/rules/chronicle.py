"""What came of a case whose story a test tells, and when?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dunning.facts import Case
from dunning.states import StepStatus
from dunning.steps import Step, find
from dunning.work import Charge, Close, Nudge, Open, Project, Work

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Running:
    """Work under way, with the case as it was when the work was given out."""

    work: Work
    case: Case


@dataclass(slots=True)
class Chronicle:
    """A case as it stands now, and all work that it gave out."""

    case: Case
    now: datetime
    diary: list[tuple[datetime, str]] = field(default_factory=list[tuple[datetime, str]])

    def note(self, work: Work) -> None:
        """It was given out now."""
        self.diary.append((self.now, words(work)))

    @property
    def given(self) -> list[str]:
        """All work that was given out."""
        return [word for _, word in self.diary]

    @property
    def nudges(self) -> list[tuple[float, str]]:
        """Every nudge: days after the start, and its step."""
        return self._of("nudge ")

    @property
    def charges(self) -> list[tuple[float, str]]:
        """Every charge: days after the start, and its number in the case."""
        return self._of("charge ")

    def _of(self, kind: str) -> list[tuple[float, str]]:
        return [
            ((moment - self.case.started_at) / _DAY, word.removeprefix(kind))
            for moment, word in self.diary
            if word.startswith(kind)
        ]

    @property
    def steps(self) -> str:
        """What became of the steps that are no longer planned."""
        view = self.case.view(self.now)
        ended = [s for s in view.steps if s.status is not StepStatus.PLANNED]
        return ", ".join(f"{s.step} {s.status.value}" for s in ended)

    def step(self, name: str) -> Step:
        """A step that the case has."""
        step = find(self.case.steps, name)
        assert step is not None
        return step


def words(work: Work) -> str:
    """Work in one or two words."""
    match work:
        case Open(advice=advice):
            return f"open {advice.value}"
        case Nudge(step=step):
            return f"nudge {step.id}"
        case Charge(key=key):
            return f"charge {key.rpartition(':')[2]}"
        case Project():
            return "project"
        case Close():
            return "close"
