"""When does a request become impossible to take back? When its connection stands."""

from __future__ import annotations

import http.client
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from providers.transit import NotConnectedError

if TYPE_CHECKING:
    import ssl
    import threading


class _Guarded(http.client.HTTPConnection):
    """Tells a fault of connecting, TLS included, from any later one; urllib mixes them up."""

    def __init__(self, host: str, *, abandoned: threading.Event, **options: Any) -> None:
        super().__init__(host, **options)
        self._abandoned = abandoned

    def connect(self) -> None:
        connected = False
        try:
            super().connect()
            connected = not self._abandoned.is_set()
        except (OSError, UnicodeError, http.client.HTTPException):
            pass
        if not connected:
            raise NotConnectedError


class _GuardedTls(_Guarded, http.client.HTTPSConnection):
    """The same over TLS."""


class _HttpHandler(urllib.request.HTTPHandler):
    def __init__(self, abandoned: threading.Event) -> None:
        super().__init__()
        self._connection = partial(_Guarded, abandoned=abandoned)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(cast("Any", self._connection), req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self, abandoned: threading.Event, tls: ssl.SSLContext) -> None:
        super().__init__(context=tls)
        self._connection = partial(_GuardedTls, abandoned=abandoned, context=tls)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(cast("Any", self._connection), req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would carry the Authorization header to wherever the answer points."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def guarded_opener(
    abandoned: threading.Event, tls: ssl.SSLContext
) -> urllib.request.OpenerDirector:
    """Raises `NotConnectedError` for faults before the request; nothing is sent if abandoned."""
    return urllib.request.build_opener(
        _HttpHandler(abandoned), _HttpsHandler(abandoned, tls), _NoRedirects()
    )
