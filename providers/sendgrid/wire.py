"""Did one request reach SendGrid, and what was the answer?"""

# The sendgrid library carries no type information; its client stays in this file.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any

from python_http_client.client import Client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from providers.sendgrid.connection import guarded_opener
from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    import threading
    import urllib.request
    from collections.abc import Mapping
    from datetime import timedelta

_HOST = "https://api.sendgrid.com"


# The library builds its path from attribute names, which no type can follow.
_Library: Any = Client


class _GuardedClient(_Library):  # type: ignore[misc]  # its base is untyped
    """The library's client with our own opener, which it would otherwise build per request."""

    def __init__(self, guarded: urllib.request.OpenerDirector, **options: Any) -> None:
        super().__init__(**options)
        self._guarded = guarded

    def _build_client(self, name: str | None = None) -> _GuardedClient:
        return _GuardedClient(
            self._guarded,
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
            timeout=self.timeout,
        )

    def _make_request(
        self, opener: object, request: urllib.request.Request, timeout: float | None = None
    ) -> Any:
        del opener  # it follows redirects and cannot say whether a connection was made
        return super()._make_request(self._guarded, request, timeout)


class SendGridWire:
    """Posts mail through the official library: a client and a connection for each request."""

    def __init__(self, api_key: str, *, base_url: str | None, timeout: timedelta) -> None:
        # At DEBUG this logger writes the whole message and the Authorization header.
        logging.getLogger("python_http_client.client").setLevel(logging.WARNING)
        self._vendor = SendGridAPIClient(api_key=api_key, host=(base_url or _HOST).rstrip("/"))
        self._timeout = timeout.total_seconds()
        self._tls = ssl.create_default_context()

    def post(self, body: Mapping[str, object], abandoned: threading.Event) -> Answer:
        """Blocks. Once `abandoned` is set, a request not yet written is never written.

        Raises `NotConnectedError` or `LostAnswerError` when there is no answer.
        """
        client: Any = self._client(abandoned)
        try:
            return _answer(client.mail.send.post(request_body=body))
        except HTTPError as refusal:
            return _answer(refusal)
        except NotConnectedError:
            missed: Exception = NotConnectedError()
        except Exception as fault:  # noqa: BLE001 - whatever broke, the mail may have been taken
            missed = LostAnswerError(type(fault).__name__)
        # Raised out here, so that nothing of the vendor's hangs on it as its context.
        raise missed

    def _client(self, abandoned: threading.Event) -> _GuardedClient:
        # The library's shared client keeps its headers in one dictionary that calls write to.
        shared = self._vendor.client
        return _GuardedClient(
            guarded_opener(abandoned, self._tls),
            host=shared.host,
            version=3,
            request_headers=dict(shared.request_headers),
            timeout=self._timeout,
        )


def _answer(response: Any) -> Answer:
    return Answer(status=response.status_code, body=response.body, headers=response.headers)
