"""Did one request reach Google, and what was the answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class FcmWire:
    """Posts to Google, never follows a redirect. Its connections belong to one event loop."""

    def __init__(self, timeout: timedelta) -> None:
        seconds = timeout.total_seconds()
        # Connecting has to fail first, to be told from an answer that does not come.
        self._limits = aiohttp.ClientTimeout(total=seconds, connect=seconds / 2)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post_form(self, url: str, form: Mapping[str, str]) -> Answer:
        """Raise `NotConnectedError` or `LostAnswerError` without an answer."""
        return await self._post(url, data=dict(form))

    async def post_json(self, url: str, body: Mapping[str, object], token: str) -> Answer:
        """The same, with an access token."""
        return await self._post(url, json=body, headers={"Authorization": f"Bearer {token}"})

    async def _post(self, url: str, **options: Any) -> Answer:
        try:
            async with self._opened().post(url, allow_redirects=False, **options) as answer:
                body = await answer.read()
                return Answer(status=answer.status, body=body, headers=answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            missed: Exception = NotConnectedError()
        except Exception as fault:  # noqa: BLE001 - whatever broke, the message may have been taken
            missed = LostAnswerError(type(fault).__name__)
        # Raised out here, so that nothing of the vendor's hangs on it as its context.
        raise missed

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A kept connection that the vendor is just closing would leave the outcome in doubt.
            connector = aiohttp.TCPConnector(force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._limits)
        return self._session
