"""What will customers see?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.faults import UsageError
from app.cli.output import print_line, say

if TYPE_CHECKING:
    from messages.render import Renderer

group = typer.Typer(name="message", help="Emails, texts and push messages.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Emails, texts and push messages."""


@group.command()
def preview(
    locale: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Only this language; repeatable.")
    ] = None,
    currency: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only this currency; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Made if it is not there.")] = Path(
        "preview"
    ),
) -> None:
    """Write every template, filled with examples, to DIR; open the printed page to look at them.

    Uses the brand of DUNNING_POLICY and the templates beside it. Each template is shown in every
    language and in USD, EUR (with very long values), JPY (with scarce ones) and BRL. Files of an
    earlier preview are overwritten.
    """
    from app import wiring
    from app.cli.session import current
    from messages.examples import CURRENCIES
    from messages.preview import write_preview
    from messages.render import Renderer

    settings = current().settings
    policy = wiring.policy(settings)
    renderer = Renderer(settings.templates, default_locale=policy.account.locale)
    try:
        index = write_preview(
            renderer,
            out,
            policy.brand,
            locales=_known_locales(renderer, locale),
            currencies=_currencies(currency) or CURRENCIES,
        )
    except OSError as fault:
        raise UsageError(
            f"{out} cannot be written: {fault.strerror}. Choose another folder with --out."
        ) from fault
    say("Open this page in a browser:")
    print_line(str(index.absolute()))


@group.command()
def send(
    template: Annotated[str, typer.Argument(help="Such as card_declined or final_notice.")],
    to: Annotated[str, typer.Option(help="Your own address: an email, or a number with its +.")],
    *,
    locale: Annotated[str | None, typer.Option(metavar="TAG")] = None,
    currency: Annotated[str, typer.Option(metavar="CODE")] = "USD",
) -> None:
    """Send a template, filled with examples, to yourself, with the vendor that is configured.

    Belongs to no case, and counts nowhere. Its link leads to nothing.
    """
    from app import sample
    from app.cli import ending
    from app.cli.session import current

    (code,) = _currencies([currency])
    sent = ending.run(sample.send(current().settings, template, to, locale, code))
    say(f"The vendor took it as {sent}." if sent else "The vendor took it.")


def _known_locales(renderer: Renderer, wanted: list[str] | None) -> list[str] | None:
    from dunning.channel import Channel

    folders = {tag.lower(): tag for tag in renderer.templates()[Channel.EMAIL]}
    for tag in wanted or ():
        if tag.lower() not in folders:
            known = ", ".join(folders.values())
            raise UsageError(f"There are no templates in {tag}. Choose among: {known}.")
    return [folders[tag.lower()] for tag in wanted] if wanted else None


def _currencies(wanted: list[str] | None) -> list[str]:
    codes = [code.upper() for code in wanted or ()]
    for code in codes:
        if not (len(code) == len("USD") and code.isascii() and code.isalpha()):
            raise UsageError(f"{code} is not a currency code. Write three letters, such as EUR.")
    return codes
