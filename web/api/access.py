"""Who calls the interface, and may they do this?"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from store.keys import KeyInfo
from web.api.problems import Fault, FaultError, Kind
from web.scopes import Scope

_REMEMBERED_SECONDS = 30.0
_REMEMBERED_KEYS = 1000
_REALM = 'Bearer realm="dunning"'
_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    bearerFormat="dk_…",
    description="An API key. `dunning key add NAME --scope …` makes one.",
)


class KeyBook(Protocol):
    """Knows the API keys; `store.keys.ApiKeys` is one such."""

    async def verify(self, key: str) -> KeyInfo | None:
        """Who holds the key, unless it is unknown or revoked."""
        ...


@dataclass(slots=True)
class KeyRing:
    """Remembers known keys for half a minute, so a revoked one works at most that much longer."""

    book: KeyBook
    remembered: float = _REMEMBERED_SECONDS
    _known: dict[bytes, tuple[float, KeyInfo]] = field(
        default_factory=dict[bytes, tuple[float, KeyInfo]]
    )

    async def holder(self, authorization: str | None) -> KeyInfo:
        """Whose key the header carries; FaultError when it carries none that is known."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise _unauthenticated(
                "Send an API key: Authorization: Bearer dk_…. `dunning key add NAME --scope …` "
                "makes one.",
                _REALM,
            )
        found = await self._verify(key.strip())
        if found is None:
            raise _unauthenticated(
                "The API key is unknown or was revoked. Make another with `dunning key add`.",
                f'{_REALM}, error="invalid_token"',
            )
        return found

    async def _verify(self, key: str) -> KeyInfo | None:
        digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(digest, (now, None))
        if known is not None and now < until:
            return known
        self._known.pop(digest, None)
        found = await self.book.verify(key)
        if found is not None:
            if len(self._known) >= _REMEMBERED_KEYS:
                self._known.clear()
            self._known[digest] = (now + self.remembered, found)
        return found


def _unauthenticated(detail: str, challenge: str) -> FaultError:
    headers = {"WWW-Authenticate": challenge}
    return FaultError(Fault(kind=Kind.UNAUTHENTICATED, detail=detail, headers=headers))


async def _caller(
    request: Request,
    asked: SecurityScopes,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> KeyInfo:
    """The holder of the key, if it has the scopes; the route has looked the key up before."""
    caller: KeyInfo = request.state.caller
    missing = [scope for scope in asked.scopes if scope not in caller.scopes]
    if missing:
        named = " ".join(missing)
        detail = f"The API key {caller.name} lacks the scope {named}."
        challenge = f'{_REALM}, error="insufficient_scope", scope="{named}"'
        headers = {"WWW-Authenticate": challenge}
        raise FaultError(Fault(kind=Kind.FORBIDDEN, detail=detail, headers=headers))
    return caller


InvoiceReader = Annotated[KeyInfo, Security(_caller, scopes=[Scope.INVOICES_READ])]
InvoiceWriter = Annotated[KeyInfo, Security(_caller, scopes=[Scope.INVOICES_WRITE])]
CaseReader = Annotated[KeyInfo, Security(_caller, scopes=[Scope.CASES_READ])]
CaseWriter = Annotated[KeyInfo, Security(_caller, scopes=[Scope.CASES_WRITE])]
# All that is known of a person stands in invoices and cases.
PersonalDataReader = Annotated[
    KeyInfo, Security(_caller, scopes=[Scope.INVOICES_READ, Scope.CASES_READ])
]
PersonalDataEraser = Annotated[
    KeyInfo, Security(_caller, scopes=[Scope.INVOICES_WRITE, Scope.CASES_WRITE])
]
EndpointReader = Annotated[KeyInfo, Security(_caller, scopes=[Scope.ENDPOINTS_READ])]
EndpointWriter = Annotated[KeyInfo, Security(_caller, scopes=[Scope.ENDPOINTS_WRITE])]
