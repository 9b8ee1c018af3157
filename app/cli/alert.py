"""What was the team told, and does it reach them?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ending
from app.cli.output import Json, print_json, print_rows, say
from app.cli.session import current, stores
from dunning.alert import AlertKind
from dunning.errors import DunningError

if TYPE_CHECKING:
    from app.settings import Settings
    from store.alerts import AlertRecord

group = typer.Typer(name="alert", help="What your team is told.", no_args_is_help=True)


class NotToldError(DunningError):
    """Some target did not take the test."""


@group.command("list")
def list_alerts(
    *,
    kind: Annotated[AlertKind | None, typer.Option(help="Only those of this kind.")] = None,
    untold: Annotated[
        bool, typer.Option("--untold", help="Only those that nobody has taken yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """Alerts, newest first, and when your team was told.

    The first of a kind is told at once; those that follow within 15 minutes are told together.
    """
    found = ending.run(_find(kind, untold=untold, limit=limit))
    if as_json:
        print_json(found)
        return
    headings = ("ID", "HAPPENED", "KIND", "ABOUT", "DETAIL", "TOLD", "TARGETS THAT WAIT")
    print_rows(headings, map(_row, found))
    if not found:
        say("No such alerts.")


@group.command("test")
def try_targets(*, as_json: Json = False) -> None:
    """Tell every configured target that this is a test."""
    found = ending.run(_test(current().settings))
    if as_json:
        print_json([{"target": name, "taken": taken} for name, taken in found])
    else:
        print_rows(("TARGET", "TAKEN"), [(name, "yes" if ok else "no") for name, ok in found])
    failed = [name for name, taken in found if not taken]
    if failed:
        raise NotToldError(
            f"{', '.join(failed)} did not take the message. Check the URL at this place in"
            " DUNNING_ALERT_URLS, and whether this machine may reach it."
        )


async def _find(kind: AlertKind | None, *, untold: bool, limit: int) -> list[AlertRecord]:
    async with stores(current()) as found:
        return await found.alerts.find(kind=kind, untold=untold, limit=limit)


async def _test(settings: Settings) -> list[tuple[str, bool]]:
    from app.alerting import targets
    from app.settings import required
    from dunning.alert_words import trial

    required(settings.alert_urls, "DUNNING_ALERT_URLS")
    used = targets(settings).used
    if not used:
        raise NotToldError(
            "No URL in DUNNING_ALERT_URLS is of a kind that DUNNING_NOTIFICATION_CHANNELS names. "
            "Add one, or remove that setting."
        )
    answers = await asyncio.gather(*(target.tell(trial()) for target in used))
    return [(target.name, taken) for target, taken in zip(used, answers, strict=True)]


def _row(alert: AlertRecord) -> tuple[object, ...]:
    detail = ", ".join(f"{name}: {value}" for name, value in alert.detail.items())
    told = alert.told_at or ("not yet" if alert.told_with else "waits")
    happened, about = alert.created_at, alert.subject
    return alert.id, happened, alert.kind, about, detail, told, ", ".join(alert.owed)
