"""Which calls does the merchant's interface have? All of them, put into the application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter, FastAPI

from web.api import answers
from web.api.access import KeyBook, KeyRing
from web.api.cases import CaseDoor
from web.api.invoices import InvoiceDoor
from web.api.messages import MessageDoor
from web.api.problems import Problem
from web.api.route import guarded
from web.operations import Operations


class Section(Protocol):
    """Calls about one subject."""

    def add_to(self, router: APIRouter) -> None:
        """Give each call its address."""
        ...


def install(
    application: FastAPI,
    *,
    operations: Operations,
    keys: KeyBook,
    more: Sequence[Section] = (),
) -> None:
    """Add /v1 with its keys, its problem documents and their description."""
    router = APIRouter(prefix=answers.PREFIX, tags=["v1"], route_class=guarded(KeyRing(keys)))
    InvoiceDoor(operations).add_to(router)
    CaseDoor(operations).add_to(router)
    MessageDoor(operations).add_to(router)
    for section in more:
        section.add_to(router)
    application.include_router(router)
    answers.install(application)
    _describe(application)


def _describe(application: FastAPI) -> None:
    """Problem documents are answered by handlers, so the description must be told of them."""
    describe = application.openapi

    def described() -> dict[str, object]:
        found = describe()
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        if Problem.__name__ not in schemas:
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[Problem.__name__] = schema
        return found

    application.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way
