"""What do the figures of a rehearsal say, side by side and in money? Nobody is named in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

from app.rehearsal.tally import Tally
from dunning.money import Money
from dunning.notice import Notice
from dunning.placement import WEEK
from dunning.policy import Policy
from messages.render import Renderer

_HUNDREDTH = Decimal("0.01")
_NOTHING = Money(minor=0, currency="USD")

Segments = Callable[[str, str], int]


def segments_of(renderer: Renderer, policy: Policy, link: str) -> Segments:
    """How many segments a template has in a locale; `link` is as long as the real ones."""

    def measured(template: str, locale: str) -> int:
        notice = Notice(
            template=template,
            locale=locale,
            brand=policy.brand,
            amount=_NOTHING,
            invoice_id="-",
            pay_url=link,
        )
        return renderer.text(notice).segments

    return measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Text messages and their cost; `unpriced` segments go where the policy has no price for."""

    messages: int
    segments: int
    cost: Decimal
    currency: str
    unpriced: int


def texts_of(tally: Tally, policy: Policy, segments: Segments) -> Texts:
    """Each text is rendered once for a template and a locale."""
    measured = {
        pair: segments(*pair) for pair in sorted({(name, tag) for name, tag, _ in tally.texts})
    }
    by_country = Counter[str]()
    for (name, tag, country), number in tally.texts.items():
        by_country[country] += number * measured[name, tag]
    priced = {c: policy.prices.of_segment(c) for c in by_country}
    costs = (number * (priced[c] or Decimal(0)) for c, number in by_country.items())
    return Texts(
        messages=tally.texts.total(),
        segments=by_country.total(),
        cost=sum(costs, Decimal(0)),
        currency=policy.prices.currency,
        unpriced=sum(number for c, number in by_country.items() if priced[c] is None),
    )


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one policy would have done."""

    tally: Tally
    texts: Texts
    digest: str

    @cached_property
    def messages(self) -> int:
        """How many there would have been."""
        return self.tally.sent.total()

    @property
    def mean(self) -> Decimal:
        """Messages per case."""
        cases = Decimal(self.tally.per_case.total() or 1)
        return (self.messages / cases).quantize(_HUNDREDTH, ROUND_HALF_UP)

    @property
    def most(self) -> int:
        """Messages of the case that has most of them."""
        return max((number for number, cases in self.tally.per_case.items() if cases), default=0)

    @property
    def by_channel(self) -> Mapping[str, int]:
        """Messages by channel."""
        return _summed((channel, n) for (_, channel), n in self.tally.sent.items())

    def document(self) -> dict[str, object]:
        """All of it for a program."""
        tally, texts = self.tally, self.texts
        return {
            "policy_digest": self.digest,
            "messages": self.messages,
            "by_channel": self.by_channel,
            "by_campaign": [
                {"campaign": campaign, "channel": channel, "messages": number}
                for (campaign, channel), number in sorted(tally.sent.items())
            ],
            "per_case": {"mean": str(self.mean), "most": self.most},
            "texts": {
                "messages": texts.messages,
                "segments": texts.segments,
                "cost": str(texts.cost),
                "currency": texts.currency,
                "segments_without_price": texts.unpriced,
            },
            "not_sent": [
                {"channel": channel, "reason": reason, "messages": number}
                for (channel, reason), number in sorted(tally.unsent.items())
            ],
            "clashes": tally.clashes,
            "local_hours": {f"{hour:02}": n for hour, n in sorted(tally.hours.items())},
            "weekdays": {WEEK[day].value: n for day, n in sorted(tally.weekdays.items())},
            "campaigns": {
                name: n for name, n in sorted(tally.campaigns.items(), key=str) if name is not None
            },
            "cases_without_campaign": tally.campaigns[None],
        }


Row = tuple[str, str, str, str]


def rows(old: Side, new: Side) -> list[Row]:
    """The lines of the table: what, under the old policy, under the new one, and the change."""
    return [
        _row("messages", old.messages, new.messages),
        *_paired("  by {}", old.by_channel, new.by_channel),
        *_paired("  {}, {}", old.tally.sent, new.tally.sent),
        ("messages a case, mean", str(old.mean), str(new.mean), _signed(new.mean - old.mean)),
        _row("messages a case, most", old.most, new.most),
        *_text_rows(old.texts, new.texts),
        *_paired("not sent: {}, {}", old.tally.unsent, new.tally.unsent),
        _row("closer than the spacing", old.tally.clashes, new.tally.clashes),
        *_paired("cases in {}", _named(old.tally), _named(new.tally)),
        _row("cases without a campaign", old.tally.campaigns[None], new.tally.campaigns[None]),
        *_paired("sent on {}", _weekdays(old.tally), _weekdays(new.tally), _ORDER),
        *_paired("sent at {}", _hours(old.tally), _hours(new.tally)),
    ]


def _text_rows(old: Texts, new: Texts) -> list[Row]:
    found = [_row("text segments", old.segments, new.segments)]
    same = old.currency == new.currency
    if max(old.unpriced, new.unpriced):
        found.append(_row("  without a price", old.unpriced, new.unpriced))
    change = _signed(new.cost - old.cost) if same else ""
    before, after = (f"{one.cost} {one.currency}" for one in (old, new))
    return [*found, ("cost of the texts", before, after, change)]


_ORDER = tuple(day.value for day in WEEK)


def _weekdays(tally: Tally) -> Mapping[str, int]:
    return {WEEK[day].value: number for day, number in tally.weekdays.items()}


def _hours(tally: Tally) -> Mapping[str, int]:
    return {f"{hour:02}:00 to {hour:02}:59": number for hour, number in tally.hours.items()}


def _named(tally: Tally) -> Mapping[str, int]:
    return {name: number for name, number in tally.campaigns.items() if name is not None}


def _paired(
    words: str,
    old: Mapping[str, int] | Mapping[tuple[str, str], int],
    new: Mapping[str, int] | Mapping[tuple[str, str], int],
    order: Sequence[str] = (),
) -> list[Row]:
    before, after = (_by_words(words, one) for one in (old, new))
    names = [words.format(name) for name in order] or sorted({*before, *after})
    return [
        _row(name, before.get(name, 0), after.get(name, 0))
        for name in names
        if name in before or name in after
    ]


def _by_words(
    words: str, counts: Mapping[str, int] | Mapping[tuple[str, str], int]
) -> Mapping[str, int]:
    named: dict[str, int] = {}
    for key, number in counts.items():
        parts = (key,) if isinstance(key, str) else key
        named[words.format(*parts)] = number
    return named


def _row(what: str, old: int, new: int) -> Row:
    return what, f"{old:,}", f"{new:,}", _signed(new - old)


def _signed(change: int | Decimal) -> str:
    return f"{change:+,}" if change else ""


def _summed(pairs: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    summed = Counter[str]()
    for name, number in pairs:
        summed[name] += number
    return dict(sorted(summed.items()))
