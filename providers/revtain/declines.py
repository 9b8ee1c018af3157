"""What does a gateway's decline code mean in Revtain's public dictionary?"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from dunning.charge import DeclineMeaning
from dunning.errors import ProviderRejectedError, Rejection
from dunning.handover import Gateway
from providers.revtain.fields import Fields
from providers.revtain.refusal import Call, document, fault, unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from dunning.errors import ProviderError
    from providers.transit import Answer

GATEWAYS = tuple(gateway.value for gateway in Gateway)

_CALL = Call(
    no_right="Revtain does not let us look decline codes up",
    refused="Revtain does not look this decline code up",
    unreadable="Revtain answered with something that is no meaning of a decline code",
)
_LONGEST_CODE = 100
_LONGEST_TEXT = 1000


def path_to(gateway: str, code: str) -> str:
    """Where the code stands; `ProviderRejectedError` when it can stand nowhere."""
    if gateway not in GATEWAYS:
        raise _refusal(f"the gateway must be one of {', '.join(GATEWAYS)}", "unknown gateway")
    # A dot is a place of its own in an address.
    if not code.strip(". ") or len(code) > _LONGEST_CODE or not code.isprintable():
        raise _refusal(
            f"a decline code has 1 to {_LONGEST_CODE} printable characters", "malformed code"
        )
    return f"/api/lookup/decline/{gateway}/{quote(code, safe='')}"


def read_meaning(
    answer: Answer, *, gateway: str, code: str, now: datetime
) -> DeclineMeaning | ProviderError | None:
    """The meaning; None when the dictionary has none."""
    body = document(answer)
    if answer.status == HTTPStatus.NOT_FOUND and body is not None:
        return None
    if answer.status != HTTPStatus.OK:
        return fault(answer, _CALL, now=now)
    fields = Fields(body or {})
    canonical, category = fields.text("canonicalCode"), fields.text("category")
    if canonical is None or category is None:
        return unreadable(answer, _CALL)
    return DeclineMeaning(
        gateway=gateway,
        code=code,
        canonical=canonical,
        category=category,
        plain_english=fields.text("plainEnglish", limit=_LONGEST_TEXT) or "",
    )


def _refusal(reason: str, code: str) -> ProviderRejectedError:
    return ProviderRejectedError(reason, rejection=Rejection.INVALID, code=code)
