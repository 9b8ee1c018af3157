"""What does a person read about a case in the Temporal UI? Markdown without personal data."""

from __future__ import annotations

from datetime import datetime

from dunning.facts import Case
from dunning.states import State
from dunning.steps import Step
from dunning.view import StepView

_MEANING = {
    State.OPENING: "looking up the invoice and the customer",
    State.WAITING: "the campaign runs",
    State.WATCHING: "nobody is written to; the recovery service may still act",
    State.RETRYING: "a new charge is awaited",
    State.PROMISED: "the customer chose a day to pay; nobody is reminded before it is over",
    State.PAUSED: "paused by an operator",
    State.REVIEW: "a person must decide",
    State.CLOSED: "closed",
}


def details(case: Case, now: datetime) -> str:
    """State, what was sent and withheld and why, what is next and when (UTC)."""
    lines = [f"### {case.state.value}: {_MEANING[case.state]}", *_ending(case), *_why(case)]
    step, at = case.next(now)
    if at is not None:
        what = f"step `{step}`" if step else "look again"
        lines.append(f"- **next**: {what} at {_stamp(at)}")
    if case.steps:
        lines += ["", "| step | channel | status | when | why |", "|---|---|---|---|---|"]
        lines += [_row(s, v) for s, v in zip(case.steps, case.view(now).steps, strict=True)]
    return "\n".join(lines)


def _ending(case: Case) -> list[str]:
    if case.outcome is None:
        return []
    cause = f" by {case.cause.value}" if case.cause else ""
    return [f"- **outcome**: {case.outcome.value}{cause}", *_service(case)]


def _service(case: Case) -> list[str]:
    if case.service is None or case.service_status is None:
        return []
    at = f" at {_stamp(case.service_ends_at)}" if case.service_ends_at else ""
    return [f"- **service**: {case.service.value}, {case.service_status.value}{at}"]


def _why(case: Case) -> list[str]:
    lines: list[str] = []
    if case.advice is not None:
        code = f", decline code `{case.decline_code}`" if case.decline_code else ""
        lines.append(f"- **advice**: {case.advice.value}{code}")
    if case.campaign is not None:
        lines.append(f"- **campaign**: {case.campaign} ({case.campaign_reason or 'no reason'})")
    lines += [f"- **closed**: {c.channel.value}, {c.reason}" for c in case.closed_channels]
    if case.promise is not None:
        promise = case.promise
        lines.append(
            f"- **promise**: {promise.day}, {promise.status.value}, until {_stamp(promise.until)}"
        )
    if case.charging.number:
        lines.append(f"- **charges of ours**: {case.charging.number}{_charge(case)}")
    if case.state is State.REVIEW and case.review_reason is not None:
        lines.append(f"- **review**: {case.review_reason.value}, round {case.review_round}")
    return lines


def _charge(case: Case) -> str:
    if case.charging.pending:
        return ", the recovery service tries by itself"
    at = case.charge_at
    return f", put off until {_stamp(at)}" if at is not None else ""


def _row(step: Step, seen: StepView) -> str:
    when = step.at or step.not_before or step.due_at
    status, why = seen.status.value, seen.reason or ""
    channel = "team" if step.alert else step.channel.value
    return f"| {step.id} | {channel} | {status} | {_stamp(when)} | {why} |"


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
