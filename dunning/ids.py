"""Under which workflow id does the case of an invoice run, and by which keys does it charge?"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_PREFIX = "dunning:"
_PLAIN = re.compile(rb"[A-Za-z0-9._-]")
_ESCAPE = re.compile(r"=([0-9A-F]{2})")
_WORKFLOW = re.compile(r"dunning:(?P<invoice>[A-Za-z0-9._=~-]+):(?P<cycle>[1-9][0-9]*)")

# 255 in all, less the prefix, the colon and a cycle of ten digits.
_LONGEST = 236
_CUT = "~"
_LONGEST_KEY = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowKey:
    """What a workflow id stands for; `invoice_id` is None when it was too long to be kept."""

    invoice_id: str | None
    cycle: int


def workflow_id(invoice_id: str, cycle: int) -> str:
    """The id of one cycle; different invoices never share one. At most 255 ASCII characters."""
    if cycle < 1:
        raise ValueError(f"A cycle starts at 1, not {cycle}.")
    return f"{_PREFIX}{_readable(invoice_id)}:{cycle}"


def parse_workflow_id(value: str) -> WorkflowKey | None:
    """The reverse of `workflow_id`; None for an id of somebody else."""
    match = _WORKFLOW.fullmatch(value)
    if match is None:
        return None
    invoice, cycle = match["invoice"], int(match["cycle"])
    if _CUT in invoice:
        return WorkflowKey(invoice_id=None, cycle=cycle)
    invoice_id = _unescape(invoice)
    if _readable(invoice_id) != invoice:
        return None
    return WorkflowKey(invoice_id=invoice_id, cycle=cycle)


def charge_key(of_workflow: str, number: int) -> str:
    """How the recovery service knows the `number`th charge of a case. At most 128 characters."""
    key = f"{of_workflow}:charge:{number}"
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(of_workflow.encode()).hexdigest()
    return f"{_PREFIX}{_CUT}{digest}:charge:{number}"


def _readable(invoice_id: str) -> str:
    raw = invoice_id.encode()
    escaped = "".join(chr(byte) if _PLAIN.match(bytes([byte])) else f"={byte:02X}" for byte in raw)
    if len(escaped) <= _LONGEST:
        return escaped
    tail = _CUT + hashlib.sha256(raw).hexdigest()[:32]
    return escaped[: _LONGEST - len(tail)] + tail


def _unescape(escaped: str) -> str:
    literal = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), escaped)
    return literal.encode("latin-1").decode(errors="replace")
