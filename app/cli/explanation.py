"""Which campaign would an invoice get, why not one of those before it, and what is sent when?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import Json, local, print_facts, print_json, print_line, print_rows, say, utc
from dunning.advice import Advice, class_of

if TYPE_CHECKING:
    from app.cli.session import Session
    from dunning.choice import Choice
    from dunning.directory import Invoice
    from dunning.policy import Policy
    from dunning.schedule import Plan
    from dunning.whereabouts import Whereabouts
    from store.cases import CaseRecord

_NO_CAMPAIGN_BY_ITSELF = {
    Advice.MONITOR: "Nobody is written to: the case watches until `watch.deadline`.",
    Advice.RETRY_LATER: "Nobody is written to: the case watches until `watch.deadline`.",
    Advice.MANUAL_REVIEW: "Nobody is written to: the case waits for a person.",
    Advice.BLOCKED: "Nobody is written to: the case waits for a person.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer under the policy in force. `start` is when the case opened, or now."""

    invoice: Invoice
    policy: Policy
    advice: Advice
    decline_code: str | None
    choice: Choice
    where: Whereabouts
    start: datetime
    plan: Plan | None
    pinned: str | None

    @property
    def moved(self) -> bool:
        """Whether the invoice has a case, and it runs under another version of the policy."""
        return self.pinned is not None and self.pinned != self.policy.digest


def register(group: typer.Typer) -> None:
    """Add the command to the group."""
    group.command()(explain)


def explain(
    invoice_id: Annotated[str, typer.Argument(metavar="INVOICE", help="The merchant's id.")],
    *,
    advice: Annotated[Advice | None, typer.Option(help="As if this were asked for.")] = None,
    decline_code: Annotated[str | None, typer.Option(help="As if declined with this.")] = None,
    as_json: Json = False,
) -> None:
    """Say which campaign an invoice gets under the policy in force, why, and what is sent when.

    Advice and decline code are those of the invoice's case, when it has one and they are not
    given; without both, a request for a new card. Nothing is sent or changed.
    """
    from app.cli.session import current

    found = ending.run(_explanation(current(), invoice_id, advice, decline_code))
    if as_json:
        print_json(_document(found))
    else:
        _show(found)


async def _explanation(
    session: Session, invoice_id: str, advice: Advice | None, decline_code: str | None
) -> Explanation:
    """Choose and plan as an opening case would. What is not given is taken from the case."""
    from activities.policies import Policies
    from activities.zones import whereabouts
    from app import clock, wiring
    from app.cli.session import stores
    from dunning.conditions import Facts
    from dunning.course import course
    from store.open_cases import OpenCases
    from web.errors import InvoiceNotFoundError

    policy = wiring.policy(session.settings)
    async with stores(session) as tables:
        invoice = await tables.registry.get_invoice(invoice_id)
        if invoice is None:
            raise InvoiceNotFoundError(invoice_id)
        case = await tables.cases.get(invoice_id)
        digest = await tables.policies.current()
        if digest is not None:
            policy = await Policies(kept=tables.policies, current=policy).get(digest)
        open_cases = await OpenCases(tables.database).of(invoice.contact.customer_id)
    told, code = _question(case, advice, decline_code)
    # A person who starts a campaign, and a watch that ends in one, start that of a new card.
    asked = told if told.writes else Advice.REQUEST_CARD_UPDATE
    where = whereabouts(invoice.contact, policy.account.timezone)
    start = clock.now() if case is None else case.opened_at
    found = course(
        policy,
        Facts(advice=asked, invoice=invoice, decline_code=code),
        start=start,
        where=where,
        open_cases=max(open_cases, 1),
    )
    return Explanation(
        invoice=invoice,
        policy=policy,
        advice=told,
        decline_code=code,
        choice=found.choice,
        where=where,
        start=start,
        plan=found.plan,
        pinned=None if case is None else case.policy_digest,
    )


def _question(
    case: CaseRecord | None, advice: Advice | None, decline_code: str | None
) -> tuple[Advice, str | None]:
    """A given advice is a question of its own; the case's decline code answers to its advice."""
    known = None if case is None else case.advice
    told = advice or known or Advice.REQUEST_CARD_UPDATE
    code = None if case is None else case.decline_code
    return told, decline_code if decline_code is not None else code


def _document(found: Explanation) -> dict[str, object]:
    """The same for a program."""
    chosen, planned = found.choice.campaign, found.plan
    return {
        "invoice_id": found.invoice.id,
        "advice": found.advice,
        "decline_code": found.decline_code,
        "decline_class": class_of(found.decline_code),
        "campaign": chosen and chosen.name,
        "passed_over": list(found.choice.why),
        "policy_digest": found.policy.digest,
        "case_policy_digest": found.pinned,
        "timezone": found.where.zone,
        "start": found.start,
        "steps": [_step(found, row) for row in _rows(planned)],
        "dropped": list(planned.dropped) if planned else [],
        "unmet": list(planned.unmet) if planned else [],
        "review_at": planned and planned.review_at,
        "closes_at": planned and planned.closes_at,
    }


def _show(found: Explanation) -> None:
    """The answer for a person."""
    chosen, planned, zone = found.choice.campaign, found.plan, found.where.zone
    code = f"{found.decline_code or 'none'} (class {class_of(found.decline_code)})"
    facts: dict[str, object] = {
        "invoice": found.invoice.id,
        "advice": found.advice,
        "decline code": code,
        "campaign": chosen.name if chosen else "none fits: the case goes to review",
    }
    if planned is not None:
        facts |= {
            "start": utc(found.start),
            "review": f"{local(planned.review_at, zone)} ({utc(planned.review_at)})",
            "close": f"{local(planned.closes_at, zone)} ({utc(planned.closes_at)})",
        }
    print_facts(facts)
    _list("Passed over", found.choice.why)
    if planned is not None:
        print_line("")
        headings = ("STEP", "CHANNEL", "TEMPLATE", f"LOCAL ({zone})", "UTC")
        print_rows(headings, (_cells(row, zone) for row in _rows(planned)))
        _list("No time for", planned.dropped)
        _list("Not for this invoice", planned.unmet)
    _remarks(found)


def _remarks(found: Explanation) -> None:
    if found.advice in _NO_CAMPAIGN_BY_ITSELF:
        say(f"{_NO_CAMPAIGN_BY_ITSELF[found.advice]} The campaign is the one it would get.")
    if found.moved:
        say("The case runs under another version of the policy; this is the one in force.")


_Row = tuple[str, str, str, datetime]


def _rows(planned: Plan | None) -> list[_Row]:
    if planned is None:
        return []
    messages: list[_Row] = [
        (one.step, " or ".join((one.channel, *one.fallback)), one.template, one.due_at)
        for one in planned.steps
    ]
    alerts: list[_Row] = [(one.step, "team", "alert", one.due_at) for one in planned.alerts]
    return sorted((*messages, *alerts), key=lambda row: row[3])


def _cells(row: _Row, zone: str) -> tuple[object, ...]:
    step, channel, template, due_at = row
    return step, channel, template, local(due_at, zone), due_at


def _step(found: Explanation, row: _Row) -> dict[str, object]:
    step, channel, template, due_at = row
    return {
        "step": step,
        "channel": channel,
        "template": template,
        "due_at": due_at,
        "local": local(due_at, found.where.zone),
    }


def _list(title: str, lines: tuple[str, ...]) -> None:
    if lines:
        print_line(f"\n{title}:")
        for line in lines:
            print_line(f"  {line}")
