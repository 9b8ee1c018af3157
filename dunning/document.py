"""What do all parts of the policy document have in common? Unchangeable, and nothing unknown."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Document(BaseModel):
    """A part of the policy: frozen, and an unknown field is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
"""Identifies a campaign or a step; travels in wire names, so it never needs quoting."""

TemplateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$")]
LocaleTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]


def refusal(problem: str) -> PydanticCustomError:
    """A refusal in our own words: what is wrong, then what to do."""
    return PydanticCustomError("policy", "{problem}", {"problem": problem})


def refusal_at(place: Sequence[str | int], problem: str) -> ValidationError:
    """The same for a spot below the part that found it, so that the path names the spot."""
    detail = InitErrorDetails(type=refusal(problem), loc=tuple(place), input=None)
    return ValidationError.from_exception_data("policy", [detail])
