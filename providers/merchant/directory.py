"""What does the merchant's own look-up endpoint say of an invoice?"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
from yarl import URL

from dunning.errors import DirectoryError
from dunning.lookup import Entry, read_body

TIMEOUT = timedelta(seconds=5)
# Its value is JSON, and what the signature signs.
HEADER = "dunning-lookup"

_AGENT = "dunning-directory/1"
_LARGEST = 256 * 1024
# Of these, others fare the same; all else may be about the one invoice.
_OF_ALL = frozenset({401, 403, 405, 407, 408, 421, 429, 501, 502, 503, 504})

Sign = Callable[[str, bytes, datetime], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupAddress:
    """Where invoices, and transactions if at all, are looked up: templates with one name each."""

    invoice: str
    transaction: str | None = None


class HttpDirectory:
    """An `InvoiceDirectory` over HTTP. Redirects are not followed: they would lose the signature.

    `sign` gives the headers that prove who asks. Nothing of an answer is ever logged.
    """

    def __init__(
        self,
        address: LookupAddress,
        *,
        sign: Sign,
        now: Callable[[], datetime],
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._address = address
        self._sign = sign
        self._now = now
        self._limits = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def invoice(self, invoice_id: str) -> Entry | None:
        """What the endpoint says of an invoice; None for its 404."""
        body = await self._get(self._address.invoice, "invoice_id", invoice_id)
        return None if body is None else read_body(body, invoice_id)

    async def transaction(self, transaction_id: str) -> Entry | None:
        """The same by transaction; None as well when there is no address for that."""
        if self._address.transaction is None:
            return None
        body = await self._get(self._address.transaction, "transaction_id", transaction_id)
        return None if body is None else read_body(body)

    async def _get(self, template: str, name: str, value: str) -> bytes | None:
        # Dots alone would be taken for a way through folders.
        written = quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")
        url = URL(template.replace(f"{{{name}}}", written), encoded=True)
        try:
            async with self._opened().get(
                url, headers=self._headers(name, value), allow_redirects=False
            ) as answer:
                return await _read(answer)
        except DirectoryError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever broke, no answer came
            missed = DirectoryError(_words(fault, self._limits.total), general=True)
        # Raised out here, so that no address or answer hangs on it as its context.
        raise missed

    def _headers(self, name: str, value: str) -> dict[str, str]:
        asked = json.dumps({name: value}, separators=(",", ":"))
        proof = self._sign(f"msg_{secrets.token_hex(16)}", asked.encode(), self._now())
        return {
            **proof,
            HEADER: asked,
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": _AGENT,
        }

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=20),
                timeout=self._limits,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        redirected = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        general = redirected or answer.status in _OF_ALL
        raise DirectoryError(f"it answers {answer.status} instead of 200 or 404", general=general)
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            raise DirectoryError(f"its answer is larger than {_LARGEST // 1024} KiB")
    return bytes(body)


def _words(fault: Exception, seconds: float | None) -> str:
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not valid for this address"
        case aiohttp.ClientSSLError():
            return "no encrypted connection could be made"
        case aiohttp.ClientConnectorDNSError():
            return "the name of its host is not known"
        case TimeoutError():
            return f"no answer came within {seconds:g} seconds"
        case aiohttp.ClientConnectorError():
            return "no connection could be made"
        case _:
            return f"no readable answer came ({type(fault).__name__})"
