"""What does a customer's browser send who opens a link, and what the yardstick's?"""

from __future__ import annotations

from functools import cache

from messages.links import PayLinks


def page(number: int, secret: str) -> bytes:
    """The whole request for the page of the invoice with this number."""
    return _request(_links(secret).url(f"link{number}"))


def row(number: int, _secret: str) -> bytes:
    """The whole request for one row of the yardstick."""
    return _request(f"/rows/INV-{number}")


@cache
def _links(secret: str) -> PayLinks:
    return PayLinks(secret_key=secret, public_url="")


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n".encode()
