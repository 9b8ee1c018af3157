"""Which columns do the tables have by which the service itself is run?"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.columns import METADATA, moment, text

HEARTBEAT = Table(
    "heartbeat",
    METADATA,
    Column("one", Boolean, primary_key=True),
    moment("beat_at", required=True),
)

OUTAGES = Table(
    "outages",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment("since", required=True),
    moment("noticed_at", required=True),
    moment("leased_until"),
    moment("mended_at"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("source", required=True),
    text("name", required=True),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    text("transaction_id"),
    text("idempotency_key"),
    text("old_card"),
    Column("priority", SmallInteger, nullable=False),
    text("status", required=True),
    text("note"),
    Column("attempts", Integer, nullable=False),
    Column("parkings", Integer, nullable=False),
    Column("woken", Boolean, nullable=False),
    moment("due_at", required=True),
    moment("leased_until"),
    text("invoice_id"),
    moment("received_at", required=True),
    moment("done_at"),
)

ENDPOINTS = Table(
    "endpoints",
    METADATA,
    Column("id", Text, primary_key=True),
    text("url", required=True),
    Column("kinds", ARRAY(Text)),
    text("note"),
    text("salt", required=True),
    Column("earlier_salts", ARRAY(Text), nullable=False),
    moment("earlier_until"),
    moment("held_until"),
    moment("created_at", required=True),
    moment("disabled_at"),
    text("disabled_why"),
)

OUTGOING = Table(
    "outgoing",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("endpoint_id", required=True),
    Column("audit_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    text("webhook_id", required=True),
    text("kind", required=True),
    text("status", required=True),
    Column("attempts", Integer, nullable=False),
    moment("due_at", required=True),
    moment("leased_until"),
    Column("last_status", Integer),
    text("last_fault"),
    moment("created_at", required=True),
    moment("delivered_at"),
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("digest", Text, primary_key=True),
    text("document", required=True),
    moment("first_used_at", required=True),
)

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    Column("version", Integer, Identity(always=True), primary_key=True),
    text("digest", required=True),
    moment("published_at", required=True),
    text("author", required=True),
    text("note"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("kind", required=True),
    text("subject", required=True),
    Column("detail", JSONB, nullable=False),
    text("identity"),
    moment("created_at", required=True),
    moment("told_at"),
    Column("told_with", BigInteger),
    moment("gathered_at"),
    Column("owed", ARRAY(Text), nullable=False),
    Column("tries", Integer, nullable=False),
    moment("due_at"),
)

CHANNEL_PAUSES = Table(
    "channel_pauses",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("channel", required=True),
    moment("since", required=True),
    moment("until", required=True),
    text("reason", required=True),
    moment("cleared_at"),
    text("cleared_by"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("name", required=True),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at", required=True),
    moment("last_used_at"),
    moment("revoked_at"),
)

DIRECTORY_FAULTS = Table(
    "directory_faults",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("directory", required=True),
    text("invoice_id"),
    moment("since", required=True),
    text("reason", required=True),
    moment("cleared_at"),
)

SWEEPS = Table(
    "sweeps",
    METADATA,
    Column("name", Text, primary_key=True),
    text("place", required=True),
    moment("leased_until", required=True),
)
