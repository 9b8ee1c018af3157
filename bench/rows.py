"""What does a line of the table say? What was measured, beside its yardstick, and if that holds."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.load import Result


class Row(BaseModel):
    """One measured figure and the bound on its ratio to the yardstick's, or on itself."""

    model_config = ConfigDict(frozen=True)

    what: str
    unit: str
    ours: float
    yardstick: float | None
    bound: Literal["at least", "at most"]
    limit: float
    absolute: bool = False
    note: str = ""
    figures: Mapping[str, float] = {}

    @property
    def ratio(self) -> float | None:
        """Ours by the yardstick's."""
        return self.ours / self.yardstick if self.yardstick else None

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        measured = self.ours if self.absolute or self.ratio is None else self.ratio
        return measured >= self.limit if self.bound == "at least" else measured <= self.limit


class Rounds(BaseModel):
    """Several rounds of one load; the median round speaks for them."""

    results: tuple[Result, ...]

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return median(result.rate for result in self.results)

    @property
    def p95(self) -> float:
        """Milliseconds within which 95 of 100 requests were answered."""
        return median(result.p95 for result in self.results)

    @property
    def p99(self) -> float:
        """Milliseconds within which 99 of 100 requests were answered."""
        return median(result.p99 for result in self.results)

    @property
    def refused(self) -> int:
        """Requests that were not accepted."""
        return sum(result.refused for result in self.results)

    def figures(self, name: str) -> dict[str, float]:
        """All of it, for the file."""
        return {
            f"{name}_rate": self.rate,
            f"{name}_p50_ms": median(result.p50 for result in self.results),
            f"{name}_p95_ms": self.p95,
            f"{name}_p99_ms": self.p99,
            f"{name}_worst_ms": max(result.worst for result in self.results),
            f"{name}_refused": self.refused,
        }
