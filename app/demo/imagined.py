"""What would be sent to a customer who is only imagined? The last page of the demo."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.output import print_line
from app.cli.simulation import simulate
from dunning.directory import BillingPeriod

_QUESTION = """
And before any customer exists: who would be sent what, and when?

$ dunning policy simulate --zone Europe/Paris --phone +33612345678 --locale fr \\
    --period year --amount 290.00 --currency EUR --decline-code expired_card
"""


def show_calendar(policy: Path) -> None:
    """Print the calendar of a French customer whose card expired before a yearly payment."""
    print_line(_QUESTION)
    simulate(
        policy,
        zone="Europe/Paris",
        phone="+33612345678",
        locale="fr",
        period=BillingPeriod.YEAR,
        amount="290.00",
        currency="EUR",
        decline_code="expired_card",
    )
    print_line("")
    # What follows goes to the other stream, and into a file it would come before this.
    sys.stdout.flush()
