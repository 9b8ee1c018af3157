"""Where may a customer be? Every place that the evidence allows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """All places that are plausible, the most plausible first.

    `zones` are IANA names, at least one. `regions` are ISO 3166 codes, of a country ("DE") or of
    a part of it ("US-TX"); none are known of a customer without a country.
    """

    zones: tuple[str, ...]
    regions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse to be nowhere."""
        if not self.zones:
            raise ValueError("no time zone was given; pass the account's own when none is known")

    @property
    def zone(self) -> str:
        """The most plausible zone."""
        return self.zones[0]

    @property
    def likeliest(self) -> Whereabouts:
        """The same with the most plausible zone alone."""
        return Whereabouts(self.zones[:1], self.regions)
