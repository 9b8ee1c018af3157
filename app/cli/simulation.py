"""What would happen to a case that one imagines? `dunning policy simulate`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UsageError
from app.cli.output import Json, figure, local, print_facts, print_json, print_line, print_rows, utc
from app.cli.output import say as tell
from app.cli.session import current
from dunning.advice import Advice
from dunning.directory import BillingPeriod, Contact, Invoice, InvoiceStatus
from dunning.money import Money, exponent

if TYPE_CHECKING:
    from app.rehearsal.simulate import Simulation
    from dunning.policy import Policy

# A number of digits that no amount reaches, so that a slip is told and not computed with.
_LONGEST_AMOUNT = 15

_File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="A policy; the one in force without it.")
]
_Zone = Annotated[str | None, typer.Option(help="The customer's time zone: Europe/Berlin.")]
_Phone = Annotated[str | None, typer.Option(help="With the country's prefix: +4915112345678.")]
_Country = Annotated[str | None, typer.Option(help="Two letters: DE.")]
_Code = Annotated[str | None, typer.Option(help="Why the bank declined: expired_card.")]
_Asked = Annotated[Advice, typer.Option(help="What the failure asks for.")]
_Amount = Annotated[str, typer.Option(help="In the major unit: 49.00.")]
_Currency = Annotated[str, typer.Option(help="Three letters: EUR.")]
_Period = Annotated[BillingPeriod | None, typer.Option(help="A single charge without it.")]
_Locale = Annotated[str | None, typer.Option(help="The customer's language: de.")]
_Start = Annotated[
    str | None, typer.Option(help="When the case opens: 2026-12-01T10:00Z; now without it.")
]
_Due = Annotated[str | None, typer.Option(help="When the invoice is due.")]
_Next = Annotated[str | None, typer.Option(help="When the next invoice comes.")]
_Tags = Annotated[list[str] | None, typer.Option("--tag", help="Of the customer; repeatable.")]
_Tier = Annotated[str | None, typer.Option(help="The customer's value tier.")]
_Plan = Annotated[str | None, typer.Option(help="What the invoice is for.")]
_Svg = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture there as well.")]


def simulate(  # noqa: PLR0913  one parameter for each option
    file: _File = None,
    *,
    zone: _Zone = None,
    phone: _Phone = None,
    country: _Country = None,
    decline_code: _Code = None,
    advice: _Asked = Advice.REQUEST_CARD_UPDATE,
    amount: _Amount = "49.00",
    currency: _Currency = "USD",
    period: _Period = None,
    locale: _Locale = None,
    start: _Start = None,
    due: _Due = None,
    next_invoice: _Next = None,
    tag: _Tags = None,
    tier: _Tier = None,
    plan: _Plan = None,
    svg: _Svg = None,
    as_json: Json = False,
) -> None:
    """Show the calendar of one imagined case: which campaign, and each message with its instant.

    As planned when the case opens: the customer can be reached everywhere, and never pays.
    """
    from app import clock
    from app.rehearsal.simulate import simulate as simulated

    contact = Contact(
        customer_id="imagined",
        phone=_phone(phone),
        locale=locale,
        timezone=_zone(zone),
        country=_country(country),
        tags=tuple(tag or ()),
        value_tier=tier,
    )
    invoice = Invoice(
        id="imagined",
        amount=_money(amount, currency),
        status=InvoiceStatus.OPEN,
        contact=contact,
        billing_period=period,
        plan=plan,
        due_at=_instant("--due", due),
        next_invoice_at=_instant("--next-invoice", next_invoice),
    )
    begins = _instant("--start", start) or clock.now().replace(second=0, microsecond=0)
    found = simulated(_policy(file), invoice, advice, decline_code, begins)
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    if svg is not None:
        _draw(found, svg)


def _policy(file: Path | None) -> Policy:
    from app.cli.policy import in_force, read_text
    from app.policy_file import read_policy

    if file is None:
        return ending.run(in_force(current(), None))[1]
    return read_policy(read_text(file))[0]


# --- what was typed


def _zone(name: str | None) -> str | None:
    from dunning.windows import known_zone

    if name is not None and not known_zone(name):
        raise UsageError(f"{name} is not a known time zone. Write one like Europe/Berlin.")
    return name


def _country(code: str | None) -> str | None:
    from phonenumbers import SUPPORTED_REGIONS

    if code is not None and code.upper() not in SUPPORTED_REGIONS:
        raise UsageError(f"{code} is not a country. Write its two letters, such as DE.")
    return code and code.upper()


def _phone(number: str | None) -> str | None:
    import phonenumbers

    if number is None:
        return None
    try:
        known = phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        known = False
    if not known:
        raise UsageError(
            f"{number} is not a phone number. Write it with the country's prefix: +4915112345678."
        )
    return number


def _money(amount: str, currency: str) -> Money:
    from babel.numbers import is_currency

    code = currency.upper()
    if not is_currency(code):
        raise UsageError(f"{currency} is not a known currency. Write three letters, such as EUR.")
    try:
        minor = Decimal(amount).scaleb(exponent(code))
    except InvalidOperation:
        minor = Decimal("NaN")
    if not minor.is_finite() or len(amount) > _LONGEST_AMOUNT or minor < 0 or minor % 1:
        least = Money(minor=4900, currency=code).major
        raise UsageError(f"{amount} is not an amount in {code}. Write one like {least}.")
    return Money(minor=int(minor), currency=code)


def _instant(option: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(
            f"{option} {value} is not an instant with its zone. Write one like 2026-12-01T10:00Z."
        )
    return found.astimezone(UTC)


# --- what is shown


def _show(found: Simulation) -> None:
    zone, choice, planned = found.where.zone, found.choice, found.plan
    amount = found.invoice.amount
    facts: dict[str, object] = {
        "opens": _when(found.start, zone),
        "amount": figure(amount.minor, amount.currency),
        "campaign": _campaign(found),
    }
    if planned is not None:
        facts |= {
            "review": _when(planned.review_at, zone),
            "close": _when(planned.closes_at, zone),
        }
    print_facts(facts)
    _list("Passed over", choice.why if choice else ())
    if planned is None:
        return
    print_line("")
    headings = ("STEP", "LOCAL", "UTC", "CHANNEL", "TEMPLATE", "FALLBACK")
    print_rows(headings, ((*row[:1], local(row[1], zone), *row[1:]) for row in _rows(found)))
    _list("Left out", [f"{step}: {reason}" for step, reason in found.dropped])


def _list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print_line(f"\n{title}:")
    for line in lines:
        print_line(f"  {line}")


def _campaign(found: Simulation) -> str:
    if found.choice is None:
        until = _when(found.deadline, found.where.zone)
        if found.advice.watches:
            return f"none: nobody is written to, the case watches until {until}"
        return f"none: nobody is written to, a person decides until {until}"
    if found.choice.campaign is None:
        return "none fits: a person decides"
    return found.choice.campaign.name


def _rows(found: Simulation) -> list[tuple[str, datetime, str, str, str]]:
    if found.plan is None:
        return []
    rows = [
        (step.step, step.due_at, step.channel.value, step.template, ", ".join(step.fallback))
        for step in found.plan.steps
    ]
    rows += [(alert.step, alert.due_at, "team", "", "") for alert in found.plan.alerts]
    return sorted(rows, key=lambda row: row[1])


def _when(moment: datetime, zone: str) -> str:
    return f"{local(moment, zone)} {zone} ({utc(moment)})"


def _document(found: Simulation) -> dict[str, object]:
    zone, choice, planned = found.where.zone, found.choice, found.plan
    return {
        "policy_digest": found.policy.digest,
        "advice": found.advice,
        "start": found.start,
        "timezones": list(found.where.zones),
        "campaign": choice.campaign.name if choice and choice.campaign else None,
        "reason": choice.reason if choice else _campaign(found),
        "steps": [
            {
                "step": step,
                "due_at": due_at,
                "local": local(due_at, zone),
                "channel": channel,
                "template": template or None,
                "fallback": fallback.split(", ") if fallback else [],
            }
            for step, due_at, channel, template, fallback in _rows(found)
        ],
        "left_out": [{"step": step, "reason": reason} for step, reason in found.dropped],
        "review_at": planned and planned.review_at,
        "closes_at": planned and planned.closes_at,
    }


def _draw(found: Simulation, file: Path) -> None:
    from app.rehearsal.svg import timeline

    if found.plan is None:
        tell("There is no picture of a case without a campaign.")
        return
    try:
        file.write_text(timeline(found), encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{file} cannot be written: {fault.strerror}. Name another.") from fault
    tell(f"The picture is in {file}.")
