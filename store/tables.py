"""Which tables and columns does the database have? For queries; the revisions make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from datetime import datetime

METADATA = MetaData()
_MOMENT = DateTime(timezone=True)


def _text(name: str, *, required: bool = False) -> Column[str]:
    return Column(name, Text, nullable=not required)


def _moment(name: str, *, required: bool = False) -> Column[datetime]:
    return Column(name, _MOMENT, nullable=not required)


CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("name"),
    _text("email"),
    _text("phone"),
    _text("locale"),
    _text("timezone"),
    _text("country"),
    _moment("sms_consent_at"),
    Column("tags", ARRAY(Text), nullable=False),
    _text("value_tier"),
    _moment("excluded_at"),
    _moment("updated_at", required=True),
    _moment("erased_at"),
)

PUSH_TOKENS = Table(
    "push_tokens",
    METADATA,
    Column("token", Text, primary_key=True),
    _text("customer_id", required=True),
    _moment("first_seen_at", required=True),
    _moment("seen_at", required=True),
)

INVOICES = Table(
    "invoices",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("customer_id", required=True),
    Column("amount_due", BigInteger, nullable=False),
    _text("currency", required=True),
    _text("status", required=True),
    _text("description"),
    _moment("due_at"),
    _text("billing_period"),
    _moment("next_invoice_at"),
    _text("plan"),
    _text("payment_url"),
    _text("payment_method_token"),
    _text("link_id", required=True),
    _moment("paid_at"),
    _text("paid_cause"),
    _moment("voided_at"),
    Column("received_minor", BigInteger),
    _text("received_currency"),
    _moment("differs_at"),
    _moment("card_changed_at"),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    _moment("refreshed_at"),
)

CARDS = Table(
    "cards",
    METADATA,
    Column("invoice_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    _moment("since", required=True),
)

TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("transaction_id", Text, primary_key=True),
    _text("invoice_id", required=True),
    _text("card_digest"),
    _moment("registered_at", required=True),
    _moment("asked_at"),
    _moment("asked_until"),
    _text("answer"),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True),
    _text("invoice_id", required=True),
    _text("card_digest"),
    _moment("registered_at", required=True),
    _moment("asked_at"),
    _moment("asked_until"),
    _text("answer"),
    _text("transaction_id"),
)

REVTAIN_CALLS = Table(
    "revtain_calls",
    METADATA,
    Column("one", Boolean, primary_key=True),
    Column("tokens", Double, nullable=False),
    _moment("filled_at", required=True),
    _moment("held_until", required=True),
)

HEARTBEAT = Table(
    "heartbeat",
    METADATA,
    Column("one", Boolean, primary_key=True),
    _moment("beat_at", required=True),
)

OUTAGES = Table(
    "outages",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _moment("since", required=True),
    _moment("noticed_at", required=True),
    _moment("leased_until"),
    _moment("mended_at"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("source", required=True),
    _text("name", required=True),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    _text("transaction_id"),
    _text("idempotency_key"),
    _text("old_card"),
    Column("priority", SmallInteger, nullable=False),
    _text("status", required=True),
    _text("note"),
    Column("attempts", Integer, nullable=False),
    Column("parkings", Integer, nullable=False),
    Column("woken", Boolean, nullable=False),
    _moment("due_at", required=True),
    _moment("leased_until"),
    _text("invoice_id"),
    _moment("received_at", required=True),
    _moment("done_at"),
)

CASES = Table(
    "cases",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("invoice_id", required=True),
    Column("cycle", Integer, nullable=False),
    _text("workflow_id", required=True),
    _text("state", required=True),
    _text("outcome"),
    _text("cause"),
    _text("campaign"),
    _text("campaign_reason"),
    _text("advice"),
    _text("decline_code"),
    _text("policy_digest"),
    Column("version", Integer, nullable=False),
    _text("next_step"),
    _moment("next_at"),
    _text("review_reason"),
    Column("review_round", Integer, nullable=False),
    Column("closed_channels", ARRAY(Text), nullable=False),
    Column("promise_day", Date),
    _moment("promise_until"),
    _text("promise_status"),
    _text("owner"),
    _moment("opened_at", required=True),
    _moment("closed_at"),
    _moment("paid_after_close_at"),
    _moment("updated_at", required=True),
    _moment("viewed_at"),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    _text("step", required=True),
    _text("channel", required=True),
    _text("template", required=True),
    _text("status", required=True),
    _text("reason"),
    _text("provider_id"),
    _text("body_digest"),
    _moment("due_at"),
    _moment("reserved_at"),
    _moment("begun_at"),
    _moment("occurred_at"),
    Column("counts", Boolean, nullable=False),
    Column("joins", Boolean, nullable=False),
    _text("merged_into"),
    _moment("requested_at"),
    _text("delivery"),
    _text("delivery_code"),
    _moment("delivery_at"),
    _text("address_digest"),
    _moment("updated_at", required=True),
)

LETTERS = Table(
    "letters",
    METADATA,
    Column("message_id", Text, primary_key=True),
    _text("recipient"),
    _text("subject"),
    _text("body"),
    _moment("kept_at", required=True),
    _moment("erased_at"),
)

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("channel", required=True),
    _text("address_digest", required=True),
    _text("reason", required=True),
    _text("scope", required=True),
    _text("source", required=True),
    Column("event_id", BigInteger),
    _moment("created_at", required=True),
    _moment("expires_at"),
    _moment("lifted_at"),
    _text("lifted_by"),
)

CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("customer_id"),
    _text("channel", required=True),
    _text("address_digest", required=True),
    _text("kind", required=True),
    _moment("at", required=True),
    _text("source", required=True),
    _text("proof"),
    Column("event_id", BigInteger),
    _moment("recorded_at", required=True),
)

REPLIES = Table(
    "replies",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("channel", required=True),
    _text("vendor_id", required=True),
    _text("address_digest", required=True),
    _text("customer_id"),
    Column("case_id", BigInteger),
    _text("body"),
    _text("meaning", required=True),
    _moment("received_at", required=True),
    _moment("handled_at"),
    _text("handled_by"),
)

REPORTS = Table(
    "reports",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("message_id", required=True),
    _text("status", required=True),
    _text("code"),
    _moment("at", required=True),
    Column("event_id", BigInteger),
    Column("applied", Boolean, nullable=False),
    _moment("recorded_at", required=True),
)

REVIEWS = Table(
    "reviews",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    _text("reason", required=True),
    _moment("opened_at", required=True),
    _moment("deadline"),
    _text("owner"),
    _text("decision"),
    _moment("decided_at"),
)

NOTES = Table(
    "notes",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    _text("author", required=True),
    _text("text", required=True),
    _moment("created_at", required=True),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    _moment("at", required=True),
    _text("kind", required=True),
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

ENDPOINTS = Table(
    "endpoints",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("url", required=True),
    Column("kinds", ARRAY(Text)),
    _text("note"),
    _text("salt", required=True),
    Column("earlier_salts", ARRAY(Text), nullable=False),
    _moment("earlier_until"),
    _moment("held_until"),
    _moment("created_at", required=True),
    _moment("disabled_at"),
    _text("disabled_why"),
)

OUTGOING = Table(
    "outgoing",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("endpoint_id", required=True),
    Column("audit_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    _text("webhook_id", required=True),
    _text("kind", required=True),
    _text("status", required=True),
    Column("attempts", Integer, nullable=False),
    _moment("due_at", required=True),
    _moment("leased_until"),
    Column("last_status", Integer),
    _text("last_fault"),
    _moment("created_at", required=True),
    _moment("delivered_at"),
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("digest", Text, primary_key=True),
    _text("document", required=True),
    _moment("first_used_at", required=True),
)

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    Column("version", Integer, Identity(always=True), primary_key=True),
    _text("digest", required=True),
    _moment("published_at", required=True),
    _text("author", required=True),
    _text("note"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("kind", required=True),
    _text("subject", required=True),
    Column("detail", JSONB, nullable=False),
    _text("identity"),
    _moment("created_at", required=True),
    _moment("told_at"),
    Column("told_with", BigInteger),
    _moment("gathered_at"),
    Column("owed", ARRAY(Text), nullable=False),
    Column("tries", Integer, nullable=False),
    _moment("due_at"),
)

CHANNEL_PAUSES = Table(
    "channel_pauses",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("channel", required=True),
    _moment("since", required=True),
    _moment("until", required=True),
    _text("reason", required=True),
    _moment("cleared_at"),
    _text("cleared_by"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("name", required=True),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    _moment("created_at", required=True),
    _moment("last_used_at"),
    _moment("revoked_at"),
)

DIRECTORY_FAULTS = Table(
    "directory_faults",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _text("directory", required=True),
    _text("invoice_id"),
    _moment("since", required=True),
    _text("reason", required=True),
    _moment("cleared_at"),
)
