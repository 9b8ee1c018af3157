"""What is sent at a steady rate, and from when on does it count?"""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Kind, Load
from bench.servers import Numbers


@dataclass(frozen=True, slots=True)
class Stream:
    """So many requests a second, measured once they flow, whatever the answers do."""

    rate: float
    lead_seconds: float
    connections: int

    def load(
        self, port: int, secret: str, numbers: Numbers, seconds: float, kind: Kind = "failure"
    ) -> Load:
        """With numbers of its own; there is twice the time that it takes."""
        lasts = self.lead_seconds + seconds
        requests = int(self.rate * lasts)
        return Load(
            port=port,
            secret=secret,
            requests=requests,
            uncounted=int(self.rate * self.lead_seconds),
            first=numbers.take(requests),
            connections=self.connections,
            seconds=lasts * 2,
            rate=self.rate,
            kind=kind,
        )
