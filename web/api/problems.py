"""How does a caller of the interface hear what went wrong? As a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pydantic import BaseModel, Field

from dunning.errors import DunningError, RegistryError
from store.closed_addresses import StopHoldsError
from store.erasure import ErasureRefusedError
from store.errors import DatabaseDownError
from web.errors import NotFoundError
from workflows.errors import NoRunError, OrderRefusedError, TemporalDownError

MEDIA_TYPE = "application/problem+json"
_TYPES = "urn:dunning:problem:"
_SOON = {"Retry-After": "5"}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Path of the field: `customer.email`, `body` for all of it.")
    problem: str


class Problem(BaseModel):
    """Every answer from 400 on."""

    type: str = Field(examples=["urn:dunning:problem:invalid"])
    title: str = Field(examples=["The request is not well formed"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["amount_due: Input should be a valid integer"])
    errors: list[FieldProblem] | None = Field(
        default=None, description="Every field that is wrong, if fields are."
    )


class Kind(Enum):
    """All kinds of problems: name in the type, status, title."""

    UNAUTHENTICATED = ("unauthenticated", 401, "An API key is needed")
    FORBIDDEN = ("forbidden", 403, "The API key does not allow this")
    NOT_FOUND = ("not-found", 404, "Nothing of that name is known")
    NO_SUCH_METHOD = ("method-not-allowed", 405, "This address does not take that method")
    CONFLICT = ("conflict", 409, "The change contradicts what is known")
    REFUSED = ("order-refused", 409, "Not possible at this moment")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    INVALID = ("invalid", 422, "The request is not well formed")
    BROKEN = ("internal", 500, "A fault of this service")
    REVTAIN_DOUBT = ("revtain-outcome-unknown", 502, "Nobody knows whether Revtain took it")
    REVTAIN_DOWN = ("revtain-unavailable", 503, "Revtain cannot be used now")
    NO_RUN = ("case-not-running", 503, "The case is not running yet")
    TEMPORAL_DOWN = ("temporal-unavailable", 503, "Temporal does not answer")
    DATABASE_DOWN = ("database-unavailable", 503, "The database does not answer")

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One problem as it happened."""

    kind: Kind
    detail: str
    errors: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def document(self) -> Problem:
        """The body of the answer."""
        name, status, title = self.kind.value
        return Problem(
            type=_TYPES + name,
            title=title,
            status=status,
            detail=self.detail,
            errors=list(self.errors) or None,
        )


class FaultError(Exception):
    """Ends a call with a problem."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


_CAUSES: tuple[tuple[type[DunningError], Kind, str | None], ...] = (
    (NotFoundError, Kind.NOT_FOUND, None),
    (OrderRefusedError, Kind.REFUSED, None),
    (ErasureRefusedError, Kind.REFUSED, None),
    (StopHoldsError, Kind.CONFLICT, None),
    (RegistryError, Kind.CONFLICT, None),
    (NoRunError, Kind.NO_RUN, "The workflow of the case is not running now. Try again soon."),
    (TemporalDownError, Kind.TEMPORAL_DOWN, None),
    (DatabaseDownError, Kind.DATABASE_DOWN, "Try the same call again; it may be repeated safely."),
)


def of_error(error: DunningError) -> Fault | None:
    """The problem that a fault of ours is to the caller; None for a fault that is a bug here."""
    for cause, kind, detail in _CAUSES:
        if isinstance(error, cause):
            errors = of_field(error) if isinstance(error, RegistryError) else ()
            soon = _SOON if kind.status == Kind.DATABASE_DOWN.status else {}
            return Fault(kind=kind, detail=detail or str(error), errors=errors, headers=soon)
    return None


def of_field(error: RegistryError) -> list[FieldProblem]:
    """The field that a contradiction is about."""
    return [] if error.field is None else [FieldProblem(field=error.field, problem=error.reason)]


def of_validation(errors: Sequence[Any]) -> Fault:
    """Pydantic's findings, each with the path of its field and a sentence."""
    found = [FieldProblem(field=_path(e), problem=_sentence(e)) for e in errors]
    detail = "; ".join(f"{f.field}: {f.problem}" for f in found[:3])
    return Fault(kind=Kind.INVALID, detail=detail, errors=found)


def _path(error: Mapping[str, Any]) -> str:
    place, *rest = [str(part) for part in error["loc"]] or ["body"]
    if error["type"] == "json_invalid":
        return place
    return ".".join(rest) or place


def _sentence(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "json_invalid":
            return f"is not JSON: {error['ctx']['error']} at character {error['loc'][-1]}"
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field that is known here"
        case "model_attributes_type" | "dict_type" | "model_type":
            return "must be a JSON object, sent with Content-Type: application/json"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
