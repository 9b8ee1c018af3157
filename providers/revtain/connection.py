"""How does one request go to Revtain, and what is known when no answer comes?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from dunning.errors import ProviderMisconfiguredError
from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

BASE_URL = "https://api.revtain.com"
NO_KEY = "REVTAIN_API_KEY is not set: set it to the secret key of your Revtain account (rev_...)"

_LARGEST = 64 * 1024


class Connection:
    """Requests with our key. Redirects are not followed: they would carry the key away."""

    def __init__(self, key: str | None, *, base_url: str | None, timeout: timedelta) -> None:
        self._key = key
        self._base = (base_url or BASE_URL).rstrip("/")
        seconds = timeout.total_seconds()
        # Connecting has to fail first, to be told from an answer that does not come.
        self._limits = aiohttp.ClientTimeout(total=seconds, connect=seconds / 2)
        self._session: aiohttp.ClientSession | None = None

    @property
    def secure(self) -> bool:
        """Whether Revtain is spoken to in secret, as it always is but in trials."""
        return not self._base.lower().startswith("http://")

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, target: str, *, signed: bool = True) -> Answer:
        """What Revtain answers; NotConnectedError or LostAnswerError when it does not."""
        return await self._request("GET", target, self._headers(signed=signed), None)

    async def post(self, target: str, document: Mapping[str, object]) -> Answer:
        """The same for a request that carries a JSON document."""
        headers = {**self._headers(signed=True), "Content-Type": "application/json"}
        body = json.dumps(document, separators=(",", ":")).encode()
        return await self._request("POST", target, headers, body)

    def _headers(self, *, signed: bool) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if not signed:
            return headers
        if self._key is None:
            raise ProviderMisconfiguredError(NO_KEY)
        return {**headers, "X-API-KEY": self._key}

    async def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        url = self._url(target)
        try:
            async with self._opened().request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                return Answer(
                    status=answer.status, body=await _body(answer), headers=answer.headers
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            missed: Exception = NotConnectedError(type(fault).__name__)
        except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
            missed = LostAnswerError(type(fault).__name__)
        # Raised out here, so that nothing of the vendor's hangs on it as its context.
        raise missed

    def _url(self, target: str) -> URL:
        try:
            url = URL(self._base + target, encoded=True)
            if url.scheme in ("http", "https") and url.host and url.port:
                return url
        except ValueError:
            pass  # an address that nothing can be sent to, as well
        raise NotConnectedError("InvalidURL")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # One that had been closed while idle would leave a charge in doubt.
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=self._limits,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Of an answer that is too long to be one, only its beginning."""
    body = b""
    while len(body) < _LARGEST and (more := await answer.content.read(_LARGEST - len(body))):
        body += more
    return body
