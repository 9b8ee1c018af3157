"""Which hosted pages for a new card are there, and which of them still work?"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LIFE = timedelta(hours=72)


class Use(StrEnum):
    FRESH = "fresh"
    SHOWN = "shown"
    """The form was seen once, which is all that the link is good for."""
    DONE = "done"


@dataclass(slots=True)
class CardPage:
    """One link. Whoever opens it first has used it, a mail scanner as well."""

    token: str
    card: str
    expires_at: datetime
    use: Use = Use.FRESH

    def show(self, now: datetime) -> bool:
        """Whether the form is shown; never twice."""
        if self.use is not Use.FRESH or now >= self.expires_at:
            return False
        self.use = Use.SHOWN
        return True

    def finish(self, now: datetime) -> bool:
        """Whether a new card is taken; never twice."""
        if self.use is Use.DONE or now >= self.expires_at:
            return False
        self.use = Use.DONE
        return True


class CardPages:
    def __init__(self, *, active: bool) -> None:
        self.active = active
        """Without the vault no page is made."""
        self.made: list[CardPage] = []

    def make(self, card: str, now: datetime) -> CardPage:
        page = CardPage(token=secrets.token_urlsafe(24), card=card, expires_at=now + LIFE)
        self.made.append(page)
        return page

    def get(self, token: str) -> CardPage | None:
        return next((page for page in self.made if page.token == token), None)
