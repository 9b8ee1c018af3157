"""Which faults can the database itself cause?

DunningError
└── StoreError
    ├── DatabaseDownError   the server cannot be reached now; the same call may succeed later
    │   └── DatabaseBusyError   another transaction came first: nothing was written, try at once
    └── SchemaError         the tables do not belong to this version of the program
"""

from __future__ import annotations

from dunning.errors import DunningError


class StoreError(DunningError):
    """The database could not do what was asked."""


class DatabaseDownError(StoreError):
    """The server cannot be reached now; nothing was written, or nobody can tell."""


class DatabaseBusyError(DatabaseDownError):
    """Another transaction met this one and came first; nothing of this one was written."""


class SchemaError(StoreError):
    """The tables do not belong to this version of the program."""
