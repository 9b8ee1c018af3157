"""How does the calendar of a case look? One picture: days along, a lane for each channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from math import ceil
from zoneinfo import ZoneInfo

from app.rehearsal.simulate import Simulation
from dunning.channel import Channel
from dunning.schedule import Plan
from dunning.timetable import Timetable

_LEFT, _RIGHT, _TOP, _LANE, _FOOT = 86.0, 96.0, 96.0, 116.0, 40.0
_WIDEST, _NARROWEST, _ROOM = 120.0, 14.0, 1000.0
_LABEL_GAP = 92.0
_ROWS = (-20.0, 32.0, -38.0, 50.0)
_DAY = timedelta(days=1)
_COLORS = {
    Channel.EMAIL: "#1f4fd8",
    Channel.SMS: "#0f766e",
    Channel.PUSH: "#9333ea",
}
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2937}"
    "text{paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".t{font-size:15px;font-weight:600}.m{fill:#6b7280;font-size:11px}"
    ".n{fill:#eceef1}.g{stroke:#d1d5db}.e{stroke:#b45309;stroke-dasharray:4 3}.w{fill:#b45309}"
)


def timeline(found: Simulation) -> str:
    """The picture as an SVG document; a case without messages has none to show."""
    if found.plan is None:
        raise ValueError("a case without a campaign has no timeline")
    return _Picture.of(found, found.plan).document()


@dataclass(frozen=True, slots=True)
class _Mark:
    lane: int
    at: datetime
    name: str
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    found: Simulation
    plan: Plan
    zone: ZoneInfo
    first: date
    days: int
    channels: tuple[Channel, ...]

    @classmethod
    def of(cls, found: Simulation, plan: Plan) -> _Picture:
        zone = ZoneInfo(found.where.zone)
        first = found.start.astimezone(zone).date()
        last = max(plan.closes_at, plan.review_at).astimezone(zone).date()
        used = {step.channel for step in plan.steps} | {Channel.EMAIL}
        return cls(
            found=found,
            plan=plan,
            zone=zone,
            first=first,
            days=(last - first).days + 1,
            channels=tuple(channel for channel in Channel if channel in used),
        )

    @property
    def day_width(self) -> float:
        return min(_WIDEST, max(_NARROWEST, _ROOM / self.days))

    @property
    def lanes(self) -> int:
        return len(self.channels) + bool(self.plan.alerts)

    @property
    def right(self) -> float:
        return _LEFT + self.days * self.day_width

    @property
    def bottom(self) -> float:
        return _TOP + self.lanes * _LANE

    def x(self, at: datetime) -> float:
        """Where an instant is, by the local clock: each day is as wide as any other."""
        local = at.astimezone(self.zone)
        minutes = local.hour * 60 + local.minute
        return _LEFT + ((local.date() - self.first).days + minutes / 1440) * self.day_width

    def y(self, lane: int) -> float:
        return _TOP + (lane + 0.5) * _LANE

    def document(self) -> str:
        width, height = self.right + _RIGHT, self.bottom + _FOOT
        parts = (*self._title(), *self._closed(), *self._grid(), *self._ends(), *self._marks())
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
        )
        title = f"<title>{escape(self.plan.campaign)}</title><style>{_STYLE}</style>"
        ground = '<rect width="100%" height="100%" fill="#fff"/>'
        return "\n".join((head, title, ground, *parts, "</svg>")) + "\n"

    def _title(self) -> Iterator[str]:
        zone, start = self.found.where.zone, self.found.start.astimezone(self.zone)
        yield _text(16, 28, self.plan.campaign, "t")
        told = f"opens {start:%a %Y-%m-%d %H:%M}, {zone}; grey: no message may start"
        yield _text(16, 48, told, "m")

    def _closed(self) -> Iterator[str]:
        """Nights, rest days and holidays of each channel, at the likeliest zone."""
        rules, regions = self.found.policy.windows, self.found.where.regions
        for lane, channel in enumerate(self.channels):
            table = Timetable.of(rules, channel, regions)
            for number in range(self.days):
                hours = table.on(self.first + number * _DAY)
                spans = ((0, hours.opens), (hours.closes, 1440)) if hours else ((0, 1440),)
                for begin, end in spans:
                    yield self._shade(lane, number, begin, end)

    def _shade(self, lane: int, day: int, begin: int, end: int) -> str:
        left = _LEFT + (day + begin / 1440) * self.day_width
        width = (end - begin) / 1440 * self.day_width
        top = _TOP + lane * _LANE + 4
        return _rect(left, top, width, _LANE - 8)

    def _grid(self) -> Iterator[str]:
        every = max(1, ceil(48 / self.day_width))
        for number in range(0, self.days, every):
            day = self.first + number * _DAY
            left = _LEFT + number * self.day_width
            yield _line(left, _TOP, self.bottom, "g")
            yield _text(left + 2, _TOP - 22, f"{day:%a}", "m")
            yield _text(left + 2, _TOP - 8, f"{day:%d %b}", "m")
        names = [channel.value for channel in self.channels]
        for lane, name in enumerate((*names, "team")[: self.lanes]):
            yield _text(16, self.y(lane) + 4, name)

    def _ends(self) -> Iterator[str]:
        for name, at, drop in (
            ("review", self.plan.review_at, 16),
            ("close", self.plan.closes_at, 30),
        ):
            left = self.x(at)
            yield _line(left, _TOP - 4, self.bottom + drop - 10, "e")
            local = f"{name} {at.astimezone(self.zone):%a %H:%M}"
            yield _text(left + 4, self.bottom + drop, local, "w")

    def _marks(self) -> Iterator[str]:
        for lane in range(self.lanes):
            yield from self._lane(lane, [mark for mark in self._all() if mark.lane == lane])

    def _lane(self, lane: int, marks: Sequence[_Mark]) -> Iterator[str]:
        """Labels take turns over four rows, so that those of close steps do not meet."""
        ends = [0.0] * len(_ROWS)
        for mark in marks:
            left, middle = self.x(mark.at), self.y(lane)
            row = next((n for n, end in enumerate(ends) if end <= left), 0)
            ends[row] = left + _LABEL_GAP
            drop = _ROWS[row]
            local = mark.at.astimezone(self.zone)
            yield (
                f'<circle cx="{left:.1f}" cy="{middle:.1f}" r="6" fill="{mark.color}" '
                'stroke="#fff" stroke-width="2"/>'
            )
            yield _text(left - 4, middle + drop, mark.name)
            yield _text(left - 4, middle + drop + 12, f"{local:%a %H:%M}", "m")

    def _all(self) -> Iterator[_Mark]:
        for step in self.plan.steps:
            lane = self.channels.index(step.channel)
            yield _Mark(lane, step.due_at, step.step, _COLORS[step.channel])
        for alert in self.plan.alerts:
            yield _Mark(self.lanes - 1, alert.due_at, alert.step, "#b45309")


def _text(left: float, base: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{left:.1f}" y="{base:.1f}"{named}>{escape(words)}</text>'


def _rect(left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect class="n" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def _line(left: float, top: float, bottom: float, kind: str) -> str:
    return (
        f'<line class="{kind}" x1="{left:.1f}" x2="{left:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
    )
