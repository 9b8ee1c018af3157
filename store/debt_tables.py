"""Which columns do the tables of customers and their debts have?"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Integer,
    Table,
    Text,
)

from store.columns import METADATA, moment, text

CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("id", Text, primary_key=True),
    text("name"),
    text("email"),
    text("phone"),
    text("locale"),
    text("timezone"),
    text("country"),
    moment("sms_consent_at"),
    Column("tags", ARRAY(Text), nullable=False),
    text("value_tier"),
    moment("excluded_at"),
    moment("updated_at", required=True),
    moment("erased_at"),
)

PUSH_TOKENS = Table(
    "push_tokens",
    METADATA,
    Column("token", Text, primary_key=True),
    text("customer_id", required=True),
    moment("first_seen_at", required=True),
    moment("seen_at", required=True),
)

INVOICES = Table(
    "invoices",
    METADATA,
    Column("id", Text, primary_key=True),
    text("customer_id", required=True),
    Column("amount_due", BigInteger, nullable=False),
    text("currency", required=True),
    text("status", required=True),
    text("description"),
    moment("due_at"),
    text("billing_period"),
    moment("next_invoice_at"),
    text("plan"),
    text("payment_url"),
    text("payment_method_token"),
    text("link_id", required=True),
    moment("paid_at"),
    text("paid_cause"),
    moment("voided_at"),
    Column("received_minor", BigInteger),
    text("received_currency"),
    moment("differs_at"),
    moment("card_changed_at"),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("refreshed_at"),
    Column("paid_minor", BigInteger, nullable=False),
)

PAYMENTS = Table(
    "payments",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("invoice_id", required=True),
    Column("amount", BigInteger, nullable=False),
    text("currency", required=True),
    text("source", required=True),
    text("reference"),
    moment("received_at", required=True),
    moment("counted_at"),
)

CARDS = Table(
    "cards",
    METADATA,
    Column("invoice_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    moment("since", required=True),
)

TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("transaction_id", Text, primary_key=True),
    text("invoice_id", required=True),
    text("card_digest"),
    moment("registered_at", required=True),
    moment("asked_at"),
    moment("asked_until"),
    text("answer"),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True),
    text("invoice_id", required=True),
    text("card_digest"),
    moment("registered_at", required=True),
    moment("asked_at"),
    moment("asked_until"),
    text("answer"),
    text("transaction_id"),
)

CHARGES = Table(
    "charges",
    METADATA,
    Column("key", Text, primary_key=True),
    text("invoice_id", required=True),
    Column("case_id", BigInteger),
    text("purpose", required=True),
    text("card_digest"),
    Column("amount", BigInteger, nullable=False),
    text("currency", required=True),
    text("decline_code"),
    text("status", required=True),
    text("outcome"),
    text("transaction_id"),
    text("answered_code"),
    text("advice"),
    text("reason"),
    Column("tries", Integer, nullable=False),
    moment("planned_at", required=True),
    moment("not_before"),
    moment("requested_at"),
    moment("answered_at"),
)

RECOVERIES = Table(
    "recoveries",
    METADATA,
    Column("key", Text, primary_key=True),
    text("invoice_id", required=True),
    text("request_id"),
    text("decline_code"),
    text("gateway"),
    text("card_country"),
    text("card_prefix"),
    Column("fallback_tokens", ARRAY(Text), nullable=False),
    text("simulate"),
    text("status", required=True),
    text("transaction_id"),
    text("answered_code"),
    text("reason"),
    moment("due_at"),
    moment("leased_until"),
    moment("requested_at", required=True),
    moment("answered_at"),
)

REVTAIN_CALLS = Table(
    "revtain_calls",
    METADATA,
    Column("one", Boolean, primary_key=True),
    Column("tokens", Double, nullable=False),
    moment("filled_at", required=True),
    moment("held_until", required=True),
)

HOSTED_LINKS = Table(
    "hosted_links",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    text("invoice_id", required=True),
    moment("minted_at", required=True),
    moment("expires_at"),
)
