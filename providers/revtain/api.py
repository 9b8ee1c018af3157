"""How does a transaction stand? Revtain is asked over its API, which changes nothing there."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from dunning.errors import ProviderError, ProviderUnavailableError
from providers.revtain.status import read_answer
from providers.transit import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dunning.recovery import RecoveryAnswer

BASE_URL = "https://api.revtain.com"
TIMEOUT = timedelta(seconds=30)
NOT_REACHED = "Revtain cannot be reached; check the network and REVTAIN_BASE_URL"
NO_ANSWER = "Revtain did not answer"

_STATUS = "/api/recovery/status"
_LARGEST = 64 * 1024
# No transaction has it: the answer only says whether the key is accepted.
_NOBODY = "dunning-doctor"


class RevtainApi:
    """A `RecoverySource` over HTTP. Redirects are not followed: they would carry the key away."""

    def __init__(
        self,
        key: str,
        *,
        now: Callable[[], datetime],
        base_url: str | None = None,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._key = key
        self._now = now
        self._base = (base_url or BASE_URL).rstrip("/")
        seconds = timeout.total_seconds()
        # Connecting has to fail first, to be told from an answer that does not come.
        self._limits = aiohttp.ClientTimeout(total=seconds, connect=seconds / 2)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        """How a transaction stands; None when Revtain knows none of this id."""
        if not transaction_id.strip("."):
            return None
        return self._read(
            await self._get(f"{_STATUS}/{quote(transaction_id, safe='')}"), transaction_id
        )

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        """How the attempt that was made with a key stands; None when there was none."""
        query = quote(idempotency_key, safe="")
        return self._read(await self._get(f"{_STATUS}?idempotencyKey={query}"), None)

    async def probe(self) -> None:
        """Raise a `ProviderError` unless Revtain answers and accepts the key."""
        answer = await self._get(f"{_STATUS}/{_NOBODY}")
        # Whatever it says of a transaction that nobody has: it has let us ask.
        if answer.status != HTTPStatus.BAD_REQUEST:
            self._read(answer, _NOBODY)

    def _read(self, answer: Answer, asked: str | None) -> RecoveryAnswer | None:
        found = read_answer(answer, asked=asked, now=self._now())
        if isinstance(found, ProviderError):
            raise found
        return found

    async def _get(self, target: str) -> Answer:
        url = URL(self._base + target, encoded=True)
        headers = {"X-API-KEY": self._key, "Accept": "application/json"}
        try:
            async with self._opened().get(url, headers=headers, allow_redirects=False) as answer:
                return Answer(
                    status=answer.status, body=await _body(answer), headers=answer.headers
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            missed = ProviderUnavailableError(f"{NOT_REACHED} ({type(fault).__name__})")
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            missed = ProviderUnavailableError(f"{NO_ANSWER} ({type(fault).__name__})")
        # Raised out here, so that nothing of the vendor's hangs on it as its context.
        raise missed

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._limits, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Of an answer that is too long to be one, only its beginning."""
    body = b""
    while len(body) < _LARGEST and (more := await answer.content.read(_LARGEST - len(body))):
        body += more
    return body
