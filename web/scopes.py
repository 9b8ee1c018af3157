"""What may an API key be allowed to do?"""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One permission; none implies another."""

    INVOICES_READ = "invoices:read"
    INVOICES_WRITE = "invoices:write"
    CASES_READ = "cases:read"
    CASES_WRITE = "cases:write"
    ENDPOINTS_READ = "endpoints:read"
    ENDPOINTS_WRITE = "endpoints:write"
