"""How much of everything was there? Counts that can be added up, and that name nobody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from app.rehearsal.household import Household, Message
from app.rehearsal.life import Life
from dunning.channel import Channel
from dunning.directory import Contact
from dunning.states import StepStatus

RECEIPTS = "(receipt)"
NO_ROOM = "no_room"
OVERTAKEN = "overtaken"


@dataclass(slots=True)
class Tally:
    """Counts over many cases. `clashes` are messages of one customer closer than `spacing`.

    `sent` by campaign and channel, `per_case` cases by their number of messages, `texts` by
    template, locale and country, `unsent` by channel and reason, `hours` and `weekdays` (Monday
    is 0) by the recipient's clock, `campaigns` cases by the campaign they got, None for none.
    """

    sent: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    per_case: Counter[int] = field(default_factory=Counter[int])
    texts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    unsent: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    hours: Counter[int] = field(default_factory=Counter[int])
    weekdays: Counter[int] = field(default_factory=Counter[int])
    campaigns: Counter[str | None] = field(default_factory=Counter[str | None])
    clashes: int = 0

    def add(self, other: Tally) -> None:
        """Count what the other has counted as well."""
        self.clashes += other.clashes
        for mine, theirs in zip(self._counters, other._counters, strict=True):
            mine.update(theirs)

    @property
    def _counters(self) -> tuple[Counter[Any], ...]:
        return tuple(getattr(self, one.name) for one in fields(self) if one.name != "clashes")

    def count(self, household: Household) -> None:
        """Count what one customer got."""
        policy = household.book.policy
        for message in household.messages:
            self._count_message(message, policy.account.locale)
        sent = Counter(id(message.life) for message in household.messages)
        for life in household.lives:
            self.per_case[sent[id(life)]] += 1
            self._count_unsent(life)
            if life.facts is not None:
                self.campaigns[life.campaign.name if life.campaign else None] += 1
        instants = sorted(m.at for m in household.messages if not m.receipt)
        near = (later - sooner < policy.spacing for sooner, later in pairwise(instants))
        self.clashes += sum(near)

    def _count_message(self, message: Message, locale: str) -> None:
        step, contact = message.step, message.life.past.invoice.contact
        campaign = message.life.case.campaign
        name = RECEIPTS if message.receipt else campaign or ""
        self.sent[name, step.channel.value] += 1
        local = message.at.astimezone(ZoneInfo(message.life.where.zone))
        self.hours[local.hour] += 1
        self.weekdays[local.weekday()] += 1
        if step.channel is Channel.SMS:
            self.texts[message.template, contact.locale or locale, _country(contact)] += 1

    def _count_unsent(self, life: Life) -> None:
        for step in life.case.steps:
            if step.status is StepStatus.WITHHELD:
                self.unsent[step.channel.value, step.reason or ""] += 1
            elif step.status is StepStatus.OVERTAKEN:
                self.unsent[step.channel.value, OVERTAKEN] += 1
        if life.plan is not None and life.campaign is not None:
            channels = {step.id: step.channel.value for step in life.campaign.steps}
            self.unsent.update(
                (channels[name], NO_ROOM) for name in life.plan.dropped if name in channels
            )


def _country(contact: Contact) -> str:
    return _country_of(contact.phone or "") or contact.country or ""


@lru_cache(maxsize=4096)
def _country_of(phone: str) -> str | None:
    try:
        found: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
    return found if found in phonenumbers.SUPPORTED_REGIONS else None
