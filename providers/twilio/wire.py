"""Did one request reach Twilio, and if it was refused, how?"""

# The twilio library carries no complete type information; its client stays in this file.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from providers.transit import LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from datetime import timedelta

_PAGE_SIZE = 1000
# Of one number. The vendor lists the newest first.
_MOST_PAGES = 20


class VendorRefusalError(Exception):
    """The vendor answered, but not with success. Holds nothing of the vendor's own words."""

    def __init__(self, *, status: int, code: int | None, retry_after: str | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One message in the vendor's own list."""

    sid: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One message as the vendor shows it when it is asked."""

    sid: str
    status: str
    error_code: str
    recipient: str
    updated_at: datetime | None


class _Session:
    """A session whose limits hold: the library would hand aiohttp a timeout of its own."""

    def __init__(self, timeout: timedelta) -> None:
        seconds = timeout.total_seconds()
        # Connecting has to fail first, to be told from an answer that does not come.
        limits = aiohttp.ClientTimeout(total=seconds, connect=seconds / 2)
        # A kept connection that the vendor is just closing would leave the outcome in doubt.
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, timeout=limits)

    async def request(self, **options: Any) -> aiohttp.ClientResponse:
        del options["timeout"]
        return await self._session.request(**options)

    async def close(self) -> None:
        await self._session.close()


class _HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]  # the library is untyped
    """The library's client, with refusals that keep their headers and drop their words."""

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(pool_connections=False)
        self.session: Any = _Session(timeout)

    async def request(self, *target: Any, **options: Any) -> Any:
        # aiohttp deprecates the `auth` that the library would pass on.
        headers, auth = dict(options["headers"]), options["auth"]
        if auth is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(*auth)
        signed = {**options, "headers": headers, "auth": None}
        response: Any = await super().request(*target, **signed)
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise VendorRefusalError(
                status=response.status_code,
                code=_vendor_code(response.text),
                retry_after=response.headers.get("Retry-After"),
            )
        return response


class TwilioWire:
    """Creates and lists messages through the official library. Built inside a running loop."""

    def __init__(
        self,
        account_sid: str,
        credentials: tuple[str, str],
        *,
        base_url: str | None,
        timeout: timedelta,
    ) -> None:
        # At INFO this logger writes query strings, and with them numbers.
        logging.getLogger("twilio.async_http_client").setLevel(logging.WARNING)
        self._http = _HttpClient(timeout)
        vendor = Client(
            *credentials,
            account_sid=account_sid,
            http_client=self._http,
            # Else region and edge from the process environment would rewrite the host.
            environment={"TWILIO_ACCOUNT_SID": account_sid},
        )
        if base_url is not None:
            vendor.api.base_url = base_url
        self._messages: Any = vendor.messages

    async def close(self) -> None:
        await self._http.close()

    async def create(self, **parameters: object) -> str:
        """The new message's SID.

        Raises `NotConnectedError`, `VendorRefusalError` or `LostAnswerError`.
        """
        sid = (await _answered(self._messages.create_async(**parameters))).sid
        if not isinstance(sid, str) or not sid:
            raise LostAnswerError("an answer without a SID")
        return sid

    async def sent_to(self, recipient: str, *, since: datetime) -> Sequence[Listed]:
        """What went to a number since that instant, in the vendor's order; raises as `create`.

        Not filtered by the vendor's own date of sending: a message still queued has none.
        """
        listed: list[Listed] = await _answered(self._list(recipient, since))
        return listed

    async def fetch(self, sid: str) -> Standing:
        """How one message stands now; raises as `create`."""
        found: Any = await _answered(self._messages(sid).fetch_async())
        return Standing(
            sid=sid,
            status=str(found.status or ""),
            error_code=str(found.error_code or ""),
            recipient=str(found.to or ""),
            updated_at=found.date_updated if isinstance(found.date_updated, datetime) else None,
        )

    async def _list(self, recipient: str, since: datetime) -> list[Listed]:
        found: list[Listed] = []
        page = await self._messages.page_async(to=recipient, page_size=_PAGE_SIZE)
        for _ in range(_MOST_PAGES):
            listed = [item for item in map(_listed, page) if item is not None]
            fresh = [item for item in listed if item.created_at >= since]
            found += fresh
            if listed and not fresh:
                break
            page = await page.next_page_async()
            if page is None:
                break
        return found


async def _answered(request: Awaitable[Any]) -> Any:
    try:
        return await request
    except VendorRefusalError:
        raise
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        missed: Exception = NotConnectedError()
    except Exception as fault:  # noqa: BLE001 - whatever broke, the text may have been taken
        missed = LostAnswerError(type(fault).__name__)
    # Raised out here, so that nothing of the vendor's hangs on it as its context.
    raise missed


def _listed(message: Any) -> Listed | None:
    """None for what came in, and for an entry without the facts that a comparison needs."""
    facts = (message.sid, message.body, message.date_created)
    match facts:
        case (str(sid), str(body), datetime() as created_at) if message.direction != "inbound":
            return Listed(sid=sid, body=body, created_at=created_at)
        case _:
            return None


def _vendor_code(text: str) -> int | None:
    """The vendor's error code; both of its error formats keep it under the same name."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    code = cast("dict[str, object]", document).get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else None
