"""Which access token may be used now? One is bought with a signed claim and kept until it ends."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from dunning.errors import ProviderMisconfiguredError, ProviderUnavailableError
from providers.fcm.outcomes import MENDING, REFUSED_ACCOUNT
from providers.retry_after import retry_delay
from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from providers.fcm.account import ServiceAccount
    from providers.fcm.wire import FcmWire

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = timedelta(hours=1)
# A token must outlive the request that carries it.
_MARGIN = timedelta(minutes=1)

UNREACHED = "Google's token service did not answer; the notification was not handed over"


class AccessTokens:
    """Buys tokens, one at a time however many ask. Its faults prove that nothing was sent."""

    def __init__(
        self, account: ServiceAccount, wire: FcmWire, *, now: Callable[[], datetime]
    ) -> None:
        self._account = account
        self._wire = wire
        self._now = now
        self._held: tuple[str, datetime] | None = None
        self._buying = asyncio.Lock()

    async def get(self) -> str:
        """A token that is good for a minute at least; else `ProviderUnavailableError`."""
        async with self._buying:
            if self._held is None or self._held[1] <= self._now() + _MARGIN:
                self._held = await self._buy()
            return self._held[0]

    def forget(self, token: str) -> None:
        """The vendor does not take this one any more."""
        if self._held is not None and self._held[0] == token:
            self._held = None

    async def _buy(self) -> tuple[str, datetime]:
        asked = self._now()
        claim = self._account.assertion(_SCOPE, now=asked, life=_LIFE)
        form = {"grant_type": _GRANT, "assertion": claim}
        try:
            answer = await self._wire.post_form(self._account.token_url, form)
        except (NotConnectedError, LostAnswerError):
            answer = None
        # Raised out here, so that no fault of the library's hangs on it as its context.
        if answer is None:
            raise ProviderUnavailableError(UNREACHED)
        token, life = _read(answer, asked)
        return token, asked + life


def _read(answer: Answer, now: datetime) -> tuple[str, timedelta]:
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        reason = f"{REFUSED_ACCOUNT} (HTTP {answer.status})"
        raise ProviderMisconfiguredError(reason, retry_after=MENDING)
    token, seconds = _fields(answer.body) if answer.status == HTTPStatus.OK else (None, None)
    if token is None:
        delay = retry_delay(answer.headers.get("Retry-After"), now=now)
        raise ProviderUnavailableError(f"{UNREACHED} (HTTP {answer.status})", retry_after=delay)
    return token, timedelta(seconds=seconds) if seconds is not None else _LIFE


def _fields(body: bytes) -> tuple[str | None, int | None]:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(document, dict):
        return None, None
    fields = cast("dict[str, object]", document)
    token, seconds = fields.get("access_token"), fields.get("expires_in")
    return (
        token if isinstance(token, str) and token else None,
        seconds if isinstance(seconds, int) else None,
    )
