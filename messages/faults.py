"""What does the merchant read when a template cannot be used?

The sentences name file, line and fix. They never hold a value: they may reach logs and history.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError, TemplateError

from dunning.errors import PolicyError
from messages.mjml import MjmlError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from messages.folders import TemplateFolders

# What an expression in a template may raise besides Jinja's own faults.
EXPRESSION_FAULTS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
TEMPLATE_FAULTS = (TemplateError, *EXPRESSION_FAULTS)


def policy_error(
    fault: Exception, folders: TemplateFolders, filename: str, names: Iterable[str]
) -> PolicyError:
    """Translate a fault met while rendering `filename` with the parameters `names`."""
    place = _place(fault, folders) or filename
    return PolicyError((f"{place}: {_sentence(fault, names)}",))


def _sentence(fault: Exception, names: Iterable[str]) -> str:
    match fault:
        case TemplateSyntaxError():
            return f"{fault.message}; correct the template syntax"
        case TemplateNotFound():
            return f"template file '{fault.name}' is missing; add it or correct its name"
        case UndefinedError():
            known = ", ".join(sorted(names))
            return f"{fault.message}; here a template may use only: {known}"
        case MjmlError():
            return "the email is not well-formed MJML; close every tag, and include no other file"
        case SecurityError():
            return "the sandbox does not allow this expression; print plain values only"
        case _:
            kind = type(fault).__name__
            return f"the expression cannot be worked out ({kind}); print plain values only"


def _place(fault: Exception, folders: TemplateFolders) -> str | None:
    if isinstance(fault, TemplateSyntaxError) and fault.filename:
        return f"{folders.display(Path(fault.filename))}, line {fault.lineno}"
    found = [
        f"{folders.display(Path(name))}, line {line}"
        for name, line in _frames(fault.__traceback__)
        if folders.owns(Path(name))
    ]
    return found[-1] if found else None


def _frames(traceback: TracebackType | None) -> Iterable[tuple[str, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
