"""Does a request fit what the vendor itself says of its interface?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

if TYPE_CHECKING:
    from sandbox.inbox import TakenRequest

HOSTS = {"sendgrid": "https://api.sendgrid.com", "twilio": "https://api.twilio.com"}
FILES = {"sendgrid": "sendgrid_mail_v3.json", "twilio": "twilio_api_v2010.json"}


class DescribedRequest:
    """A taken request in the shape in which the validator reads requests."""

    def __init__(self, taken: TakenRequest) -> None:
        self.taken = taken
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(taken.query)),
            header=Headers(list(taken.headers.items())),
        )

    @property
    def host_url(self) -> str:
        return HOSTS[self.taken.vendor]

    @property
    def path(self) -> str:
        return self.taken.path

    @property
    def method(self) -> str:
        return self.taken.method.lower()

    @property
    def body(self) -> bytes | None:
        return self.taken.body or None

    @property
    def content_type(self) -> str:
        return self.taken.headers.get("content-type", "")


def loaded(folder: Path, vendor: str) -> Mapping[str, Any]:
    """The vendor's file as it is."""
    found: Mapping[str, Any] = json.loads((folder / FILES[vendor]).read_text("utf-8"))
    return found


@cache
def description(folder: Path, vendor: str) -> OpenAPI:
    return OpenAPI.from_dict(cast("Any", loaded(folder, vendor)))


def check(folder: Path, taken: TakenRequest) -> None:
    """Raise unless the vendor's description allows it, and knows each parameter it names.

    The descriptions let unknown names pass; the vendors ignore them, so that a typo would too.
    """
    request = DescribedRequest(taken)
    description(folder, taken.vendor).validate_request(request)
    unknown = _named(taken) - _known(folder, taken)
    assert not unknown, f"{taken.method} {taken.path}: the vendor does not know {sorted(unknown)}"


def _named(taken: TakenRequest) -> set[str]:
    if taken.method == "GET":
        return {name for name, _ in parse_qsl(taken.query)}
    if taken.headers["content-type"].startswith("application/json"):
        return set(json.loads(taken.body))
    return {name for name, _ in parse_qsl(taken.body.decode(), keep_blank_values=True)}


def _known(folder: Path, taken: TakenRequest) -> set[str]:
    """All names of the operation's parameters, or of its body."""
    document = loaded(folder, taken.vendor)
    path = next(each for each in document["paths"] if _fits(each, taken.path))
    operation = document["paths"][path][taken.method.lower()]
    if taken.method == "GET":
        return {each["name"] for each in operation["parameters"]}
    (content,) = _resolved(document, operation["requestBody"])["content"].values()
    return set(_resolved(document, content["schema"])["properties"])


def _resolved(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part itself, wherever in the same file it is written."""
    found = part
    while "$ref" in found:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return found


def _fits(template: str, path: str) -> bool:
    """Whether a path is one of a template's, whose `{…}` stand for what a segment begins with."""
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one == other or (one.startswith("{") and other.endswith(one.partition("}")[2]))
        for one, other in zip(wanted, given, strict=True)
    )
