"""What does Revtain know of a payment or a decline code, and what is it told by hand?"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.faults import UNREACHABLE, WRONG, UsageError
from app.cli.output import Json, figure, print_facts, print_json, say
from app.cli.session import current, stores
from app.settings import load, required
from dunning.errors import (
    OutcomeUnknownError,
    ProviderMisconfiguredError,
    ProviderUnavailableError,
)
from dunning.handover import Gateway, check_code, check_key
from dunning.money import Money
from dunning.registration import check_currency

if TYPE_CHECKING:
    from dunning.charge import DeclineMeaning
    from dunning.recovery import RecoveryAnswer
    from providers.revtain.api import RevtainApi
    from store.call_budget import CallBudget

group = typer.Typer(name="revtain", help="Ask Revtain, or tell it.", no_args_is_help=True)

# Figures with a point would be read as whole ones.
_AMOUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_PATIENCE = timedelta(minutes=2)
# A person waits, who can ask again.
_ANSWER = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revtain:
    api: RevtainApi
    limit: CallBudget


@group.command()
def status(
    transaction: Annotated[
        str | None, typer.Argument(help="Revtain's id of the transaction.")
    ] = None,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The idempotency key of an attempt instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask Revtain how TRANSACTION stands, or the attempt with KEY.

    Nothing is changed, here or at Revtain. Exit code 1 when Revtain does not know it. Needs
    REVTAIN_API_KEY, and the database, which keeps the limit of calls.
    """
    if not (transaction or key) or (transaction and key):
        raise UsageError("Give either a TRANSACTION or --key KEY.")
    _checked("TRANSACTION" if transaction else "--key", check_key, transaction or key or "")
    found = ending.run(_status(transaction, key))
    if found is None:
        named = "transaction" if transaction else "idempotency key"
        say(f"Revtain knows no such {named}. It may be of another account than REVTAIN_API_KEY.")
        raise typer.Exit(WRONG)
    facts = _standing(found)
    if as_json:
        print_json(facts)
        return
    amount, currency = facts.pop("amount"), facts.pop("currency")
    if isinstance(amount, int) and isinstance(currency, str):
        facts["amount"] = figure(amount, currency)
    print_facts({name.replace("_", " "): value for name, value in facts.items()})


@group.command()
def pulse(
    amount: Annotated[str, typer.Argument(help="In the currency's minor unit: 4900 is 49.00 USD.")],
    currency: Annotated[str, typer.Argument(help="ISO 4217, such as USD.")],
    *,
    reference: Annotated[
        str | None, typer.Option(metavar="ID", help="Your own id of the payment.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell Revtain of a payment that succeeded at the first try, for its Lift figure.

    Revtain counts every call, so tell each payment once; no invoice here is touched. Programs use
    `POST /v1/payments`. Needs REVTAIN_API_KEY, and the database, which keeps the limit of calls.
    """
    if not _AMOUNT.fullmatch(amount):
        raise UsageError("AMOUNT must be a whole number from 1 on, in the currency's minor unit.")
    money = Money(minor=int(amount), currency=_checked("CURRENCY", check_currency, currency))
    named = None if reference is None else _checked("--reference", check_key, reference)
    logged = ending.run(_pulse(money, named))
    if as_json:
        print_json({"transaction_id": logged})
    else:
        print_facts({"transaction id": logged})


@group.command()
def decline(
    gateway: Annotated[Gateway, typer.Argument(help="Whose code it is.")],
    code: Annotated[str, typer.Argument(help="The code as the gateway writes it.")],
    *,
    as_json: Json = False,
) -> None:
    """Look CODE up in Revtain's public dictionary of decline codes.

    Needs no key and no database. Exit code 1 when the dictionary does not have it.
    """
    found = ending.run(_decline(gateway, _checked("CODE", check_code, code)))
    if found is None:
        say(f"Revtain's dictionary has no such code of {gateway}.")
        raise typer.Exit(WRONG)
    if as_json:
        print_json(asdict(found))
    else:
        print_facts({name.replace("_", " "): value for name, value in asdict(found).items()})


def _checked(name: str, check: Callable[[str], str], given: str) -> str:
    try:
        return check(given)
    except ValueError as fault:
        raise UsageError(f"{name} {fault}.") from fault


async def _status(transaction: str | None, key: str | None) -> RecoveryAnswer | None:
    async with _revtain() as revtain, revtain.limit.calling(_PATIENCE):
        if key is not None:
            return await revtain.api.by_key(key)
        return await revtain.api.by_transaction(transaction or "")


async def _pulse(money: Money, reference: str | None) -> str:
    from web.payment_log import PaymentDesk

    async with _revtain() as revtain:
        desk = PaymentDesk(log=revtain.api, limit=revtain.limit, patience=_PATIENCE)
        return await desk.succeeded(money, reference)


async def _decline(gateway: Gateway, code: str) -> DeclineMeaning | None:
    from app import clock
    from providers.revtain.api import RevtainApi

    base_url = load().revtain_base_url
    with _told():
        async with RevtainApi(None, now=clock.now, base_url=base_url, timeout=_ANSWER) as api:
            return await api.meaning(gateway, code)


@asynccontextmanager
async def _revtain() -> AsyncGenerator[_Revtain]:
    from app import clock
    from providers.revtain.api import RevtainApi
    from store.call_budget import CallBudget

    session = current()
    key = required(session.settings.revtain_api_key, "REVTAIN_API_KEY").get_secret_value()
    base_url = session.settings.revtain_base_url
    with _told():
        async with (
            stores(session) as found,
            RevtainApi(key, now=clock.now, base_url=base_url, timeout=_ANSWER) as api,
        ):
            yield _Revtain(api=api, limit=CallBudget(found.database))


@contextmanager
def _told() -> Generator[None]:
    """Say that Revtain is away; what a person can mend is explained as everywhere."""
    try:
        yield
    except ProviderMisconfiguredError:
        raise
    except ProviderUnavailableError as fault:
        say(f"{fault.reason}. Nothing was done; try again later.")
        raise typer.Exit(UNREACHABLE) from fault
    except OutcomeUnknownError as fault:
        say(f"{fault.reason}. It may have been logged; another call would count again.")
        raise typer.Exit(UNREACHABLE) from fault


def _standing(found: RecoveryAnswer) -> dict[str, object]:
    told: dict[str, object] = json.loads(found.body) if found.body else {}
    return {
        "transaction_id": found.transaction_id,
        "status": found.status.value,
        "recommended_action": found.recommended_action,
        "decline_code": told.get("declineCode") or told.get("lastDeclineCode"),
        "amount": told.get("amount"),
        "currency": told.get("currency"),
    }
