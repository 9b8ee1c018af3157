"""How does one event reach a merchant's endpoint, and what did the endpoint answer?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

import aiohttp

from dunning.ports import Receipt
from providers.retry_after import retry_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

TIMEOUT = timedelta(seconds=15)

_AGENT = "dunning-outgoing/1"


class MerchantReceiver:
    """A `Receiver` over HTTP: certificates are verified, redirects are not followed.

    Addresses inside the merchant's own network are allowed, since that is where many receivers
    are: whoever may add endpoints can make this process post to any address that it reaches.
    """

    def __init__(self, *, now: Callable[[], datetime], timeout: timedelta = TIMEOUT) -> None:
        self._now = now
        self._limits = aiohttp.ClientTimeout(total=timeout.total_seconds())
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

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Post once; a receipt whatever happens, with a fault in our words if nothing came.

        The status is the answer: of a body nothing is read.
        """
        given = {**headers, "content-type": "application/json", "user-agent": _AGENT}
        try:
            async with self._opened().post(
                url, data=body, headers=given, allow_redirects=False
            ) as answer:
                asked = retry_delay(answer.headers.get("retry-after"), now=self._now())
                return Receipt(status=answer.status, retry_after=asked)
        except Exception as fault:  # noqa: BLE001 - whatever broke is one failed attempt
            return Receipt(fault=_words(fault, self._limits.total))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Endpoints answer for themselves: one that hangs must not use up all connections.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._limits,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _words(fault: Exception, seconds: float | None) -> str:
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            return "the certificate is not valid for this address"
        case aiohttp.ClientSSLError():
            return "no encrypted connection could be made"
        case aiohttp.ClientConnectorDNSError():
            return "the name of the host is not known"
        case aiohttp.ClientConnectorError():
            return "no connection could be made"
        case TimeoutError():
            return f"no answer within {seconds:g} seconds"
        case _:
            return f"no readable answer came ({type(fault).__name__})"
