"""What will customers see?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.faults import UsageError
from app.cli.output import print_line, say

group = typer.Typer(name="message", help="Emails and texts.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Emails and texts."""


@group.command()
def preview(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")],
) -> None:
    """Write every template, filled with examples, to DIR; open the printed page to look at them.

    Uses the brand of DUNNING_POLICY and the templates beside it. Each template is shown with full,
    with scarce and with very long values. Files of an earlier preview are overwritten.
    """
    from app import wiring
    from app.cli.session import current
    from messages.preview import write_preview
    from messages.render import Renderer

    settings = current().settings
    policy = wiring.policy(settings)
    renderer = Renderer(settings.templates, default_locale=policy.account.locale)
    try:
        index = write_preview(renderer, folder, policy.brand)
    except OSError as fault:
        raise UsageError(
            f"{folder} cannot be written: {fault.strerror}. Choose another folder."
        ) from fault
    say("Open this page in a browser:")
    print_line(str(index.absolute()))
