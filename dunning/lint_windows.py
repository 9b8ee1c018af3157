"""Is there an hour at which each message may go out?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.day_hours import DayHours
from dunning.duration import Lapse, format_duration
from dunning.finding import Code, Finding
from dunning.hours import Holidays, OnHolidays
from dunning.placement import WEEK
from dunning.schedule import plan
from dunning.whereabouts import Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.campaign import Campaign, Step
    from dunning.policy import Policy
    from dunning.surroundings import Surroundings

_MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
_STARTS = tuple(_MONDAY + timedelta(hours=hours) for hours in range(0, 7 * 24, 5))
_LONG = timedelta(days=60)
# A holiday closes single days and never a whole campaign.
_NO_HOLIDAYS = Holidays(email=OnHolidays.ALLOW, sms=OnHolidays.ALLOW, push=OnHolidays.ALLOW)


def windows(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    """The channels of every step in the likely places of customers, and what moves messages."""
    if policy.merge_within > policy.spacing:
        yield Finding(
            code=Code.MERGE_BEYOND_SPACING,
            path="merge_within",
            problem=f"reminders {format_duration(policy.merge_within)} apart are put together, so "
            "one may come earlier than the spacing of "
            f"{format_duration(policy.spacing)} after the last message of its case",
            fix=f"Write {format_duration(policy.spacing)} or less, or lengthen `spacing`.",
        )
    for number, campaign in enumerate(policy.campaigns):
        for place, step in enumerate(campaign.steps):
            path = f"campaigns[{number}].steps[{place}]"
            yield from _closed(path, step, campaign, policy, around)
            yield from _jitter(path, step, policy)


def fits(step: Step, channel: Channel, campaign: Campaign, policy: Policy, region: str) -> bool:
    """Whether the channel ever has an hour on the days of the step, in a place of that law."""
    alone = step.model_copy(
        update={
            **dict.fromkeys(("before_close", "before_due", "after_due", "before_next_invoice")),
            **dict.fromkeys(("payday", "jitter", "only_if")),
            "after": Lapse(rest=timedelta(days=1)),
            "channel": channel,
            "fallback": (),
        }
    )
    only = campaign.model_copy(update={"steps": (alone,), "alerts": (), "length": _LONG})
    hours = policy.windows.model_copy(update={"holidays": _NO_HOLIDAYS})
    rules = policy.model_copy(update={"windows": hours})
    where = Whereabouts((policy.account.timezone,), (region,) if region else ())
    plans = (plan(only, rules, start=at, next_invoice_at=None, where=where) for at in _STARTS)
    return any(step.channel is channel for found in plans for step in found.steps)


def _closed(
    path: str, step: Step, campaign: Campaign, policy: Policy, around: Surroundings
) -> Iterator[Finding]:
    places = ("", *around.regions)
    for number, channel in enumerate(step.roads):
        closed = [one for one in places if not fits(step, channel, campaign, policy, one)]
        if closed:
            law = "" if "" in closed else f" and the law of {', '.join(closed)}"
            becomes = " and always becomes an email" if channel is Channel.SMS else ""
            yield Finding(
                code=Code.NO_WINDOW,
                path=f"{path}.fallback[{number - 1}]" if number else path,
                problem=f"step {step.id} never goes out over {channel}{becomes}: `at`, `weekdays`, "
                f"the window of {channel}{law} have no hour in common",
                fix=f"Widen `windows.{channel}`, or give the step another hour or other days.",
            )


def _jitter(path: str, step: Step, policy: Policy) -> Iterator[Finding]:
    if step.jitter is None:
        return
    hours = policy.windows.of(step.channel)
    week = zip(WEEK, hours.week, strict=True)
    days = (day for name, day in week if step.weekdays is None or name in step.weekdays)
    longest = max((_left(day, step) for day in days if day), default=timedelta(0))
    if step.jitter > longest - hours.least_left:
        yield Finding(
            code=Code.JITTER_BEYOND_WINDOW,
            path=f"{path}.jitter",
            problem=f"{format_duration(step.jitter)} is more than the window of {step.channel} "
            f"leaves on any day, {format_duration(longest - hours.least_left)}, so it is cut",
            fix="Write a shorter `jitter`, an earlier `at`, or a longer window.",
        )


def _left(day: DayHours, step: Step) -> timedelta:
    """How long the day is open from the hour of the step; all of it for an hour after closing."""
    opens = day.opens if step.at is None else step.at.hour * 60 + step.at.minute
    begin = opens if day.opens <= opens < day.closes else day.opens
    return timedelta(minutes=day.closes - begin)
