"""Which columns do the tables of cases and of what is said in them have?"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.columns import METADATA, moment, text

CASES = Table(
    "cases",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("invoice_id", required=True),
    Column("cycle", Integer, nullable=False),
    text("workflow_id", required=True),
    text("state", required=True),
    text("outcome"),
    text("cause"),
    text("campaign"),
    text("campaign_reason"),
    text("advice"),
    text("decline_code"),
    text("policy_digest"),
    Column("version", Integer, nullable=False),
    text("next_step"),
    moment("next_at"),
    text("review_reason"),
    Column("review_round", Integer, nullable=False),
    Column("closed_channels", ARRAY(Text), nullable=False),
    Column("promise_day", Date),
    moment("promise_until"),
    text("promise_status"),
    text("service"),
    text("service_status"),
    moment("service_ends_at"),
    text("owner"),
    moment("opened_at", required=True),
    moment("closed_at"),
    moment("paid_after_close_at"),
    moment("updated_at", required=True),
    moment("viewed_at"),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    text("step", required=True),
    text("channel", required=True),
    text("template", required=True),
    text("status", required=True),
    text("reason"),
    text("provider_id"),
    text("body_digest"),
    moment("due_at"),
    moment("reserved_at"),
    moment("begun_at"),
    moment("occurred_at"),
    Column("counts", Boolean, nullable=False),
    Column("joins", Boolean, nullable=False),
    text("merged_into"),
    moment("requested_at"),
    text("delivery"),
    text("delivery_code"),
    moment("delivery_at"),
    text("address_digest"),
    moment("updated_at", required=True),
)

LETTERS = Table(
    "letters",
    METADATA,
    Column("message_id", Text, primary_key=True),
    text("recipient"),
    text("subject"),
    text("body"),
    moment("kept_at", required=True),
    moment("erased_at"),
)

REPORTS = Table(
    "reports",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("message_id", required=True),
    text("status", required=True),
    text("code"),
    moment("at", required=True),
    Column("event_id", BigInteger),
    Column("applied", Boolean, nullable=False),
    moment("recorded_at", required=True),
)

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("channel", required=True),
    text("address_digest", required=True),
    text("reason", required=True),
    text("scope", required=True),
    text("source", required=True),
    Column("event_id", BigInteger),
    moment("created_at", required=True),
    moment("expires_at"),
    moment("lifted_at"),
    text("lifted_by"),
)

CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("customer_id"),
    text("channel", required=True),
    text("address_digest", required=True),
    text("kind", required=True),
    moment("at", required=True),
    text("source", required=True),
    text("proof"),
    Column("event_id", BigInteger),
    moment("recorded_at", required=True),
)

REPLIES = Table(
    "replies",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("channel", required=True),
    text("vendor_id", required=True),
    text("address_digest", required=True),
    text("customer_id"),
    Column("case_id", BigInteger),
    text("body"),
    text("meaning", required=True),
    moment("received_at", required=True),
    moment("handled_at"),
    text("handled_by"),
)

REVIEWS = Table(
    "reviews",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    text("reason", required=True),
    moment("opened_at", required=True),
    moment("deadline"),
    text("owner"),
    text("decision"),
    moment("decided_at"),
)

NOTES = Table(
    "notes",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    text("author", required=True),
    text("text", required=True),
    moment("created_at", required=True),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    moment("at", required=True),
    text("kind", required=True),
    Column("detail", JSONB, nullable=False),
    Column("previous", LargeBinary),
    Column("hash", LargeBinary, nullable=False),
)

AUDIT_HEADS = Table(
    "audit_heads",
    METADATA,
    Column("case_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
