"""How much is measured? Enough to trust the ratios, or just enough to see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`seconds` is the length of one round of requests."""

    rounds: int
    seconds: float
    requests: int
    yardstick_requests: int
    cases: int
    recoveries: int
    past_cases: int
    nudges: int
    pages: int

    @property
    def invoices(self) -> int:
        """As many as may be asked for while cases are started."""
        return self.rounds * (
            self.requests + self.yardstick_requests + int(600 * (self.seconds + 3))
        )


FULL = Size(
    rounds=3,
    seconds=4.0,
    requests=16_000,
    yardstick_requests=1_000,
    cases=1_200,
    recoveries=300,
    past_cases=10_000,
    nudges=2_000,
    pages=10_000,
)
QUICK = Size(
    rounds=1,
    seconds=2.0,
    requests=8_000,
    yardstick_requests=500,
    cases=500,
    recoveries=100,
    past_cases=2_000,
    nudges=300,
    pages=2_000,
)
