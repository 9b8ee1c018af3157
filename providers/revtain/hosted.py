"""Where does a customer give a new card to Revtain itself?"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from yarl import URL

from dunning.charge import HostedLink
from providers.revtain.fields import Fields
from providers.revtain.refusal import Call, document, fault, misconfigured, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dunning.errors import ProviderError
    from providers.transit import Answer

PATH = "/api/recovery/update-card/generate"

_NO_VAULT = (
    "this Revtain account has no hosted card pages, which need its vault integration: ask Revtain "
    "to switch it on, or send customers to a page of your own"
)
_CALL = Call(
    no_right=_NO_VAULT,
    refused="Revtain makes no card page for this payment method",
    unreadable="Revtain answered with something that is no link to a card page",
)
_LONGEST = 2000


def read_link(answer: Answer, *, secure: bool, now: datetime) -> HostedLink | ProviderError:
    """The link, or why there is none. Over a `secure` connection only an https link is one."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return misconfigured(_NO_VAULT, answer)
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        return fault(answer, _CALL, now=now)
    body = document(answer) or {}
    url, expires_at = _url(body, secure=secure), _instant(body.get("expiresAt"))
    if url is None or expires_at is None:
        return unreadable(answer, _CALL)
    return HostedLink(url=url, expires_at=expires_at)


def _url(body: Mapping[str, object], *, secure: bool) -> str | None:
    text = Fields(body).text("url", limit=_LONGEST)
    # A blank or a letter beyond ASCII is read differently by different programs.
    if text is None or not text.isascii() or any(sign in text for sign in ' "<>\\'):
        return None
    try:
        url = URL(text, encoded=True)
        named = bool(url.host) and url.user is None and url.password is None
    except ValueError:
        return None
    schemes = ("https",) if secure else ("https", "http")
    return text if named and url.scheme in schemes else None


def _instant(told: object) -> datetime | None:
    if not isinstance(told, str):
        return None
    try:
        instant = datetime.fromisoformat(told)
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
