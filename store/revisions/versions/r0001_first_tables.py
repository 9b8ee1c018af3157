"""What does revision 0001 change? It makes the first tables."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REGISTRY = (
    """
    CREATE TABLE customers (
        id text PRIMARY KEY,
        name text,
        email text,
        phone text,
        locale text,
        timezone text,
        country text,
        sms_consent_at timestamptz,
        tags text[] NOT NULL DEFAULT '{}',
        value_tier text,
        excluded_at timestamptz,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE invoices (
        id text PRIMARY KEY,
        customer_id text NOT NULL REFERENCES customers,
        amount_due bigint NOT NULL CHECK (amount_due >= 0),
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'void')),
        description text,
        due_at timestamptz,
        billing_period text CHECK (billing_period IN ('week', 'month', 'quarter', 'year')),
        next_invoice_at timestamptz,
        plan text,
        payment_url text,
        payment_method_token text,
        link_id text NOT NULL UNIQUE,
        paid_at timestamptz,
        paid_cause text
            CHECK (paid_cause IN ('revtain_retry', 'card_update', 'paid_elsewhere', 'manual')),
        voided_at timestamptz,
        received_minor bigint,
        received_currency text,
        differs_at timestamptz,
        card_changed_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
        CHECK ((status = 'paid') = (paid_cause IS NOT NULL))
    )
    """,
    "CREATE INDEX invoices_customer ON invoices (customer_id)",
    "COMMENT ON COLUMN invoices.amount_due IS 'minor units of the currency'",
    "COMMENT ON COLUMN invoices.link_id IS 'random name of the invoice in customer links'",
    "COMMENT ON COLUMN invoices.received_minor IS 'what the last success said was paid'",
    "COMMENT ON COLUMN invoices.differs_at IS 'a success came with another amount or currency'",
    "COMMENT ON COLUMN invoices.card_changed_at IS 'the customer gave a new card while we asked'",
    """
    CREATE TABLE cards (
        invoice_id text NOT NULL REFERENCES invoices ON DELETE CASCADE,
        digest text NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (invoice_id, digest)
    )
    """,
    "CREATE INDEX cards_digest ON cards (digest)",
    "COMMENT ON TABLE cards IS 'every payment method token an invoice ever had, as keyed digest'",
    """
    CREATE TABLE transactions (
        transaction_id text PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices ON DELETE CASCADE,
        card_digest text,
        registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX transactions_invoice ON transactions (invoice_id)",
    "COMMENT ON COLUMN transactions.card_digest IS 'card of the invoice at registration'",
    """
    CREATE TABLE idempotency_keys (
        key text PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices ON DELETE CASCADE,
        card_digest text,
        registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX idempotency_keys_invoice ON idempotency_keys (invoice_id)",
    "COMMENT ON COLUMN idempotency_keys.card_digest IS 'card of the invoice at registration'",
)

_INBOX = (
    """
    CREATE TABLE events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source text NOT NULL,
        name text NOT NULL,
        digest bytea NOT NULL CHECK (octet_length(digest) = 32),
        body bytea,
        transaction_id text,
        idempotency_key text,
        old_card text,
        priority smallint NOT NULL
            GENERATED ALWAYS AS (CASE WHEN name = 'recovery.success' THEN 0 ELSE 1 END) STORED,
        status text NOT NULL DEFAULT 'pending'
            CHECK (status IN ('pending', 'parked', 'done', 'unreadable')),
        note text,
        attempts integer NOT NULL DEFAULT 0,
        parkings integer NOT NULL DEFAULT 0,
        woken boolean NOT NULL DEFAULT false,
        due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        leased_until timestamptz,
        invoice_id text,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        done_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX events_once ON events (source, digest)
    WHERE name <> 'card.updated'
    """,
    """
    CREATE INDEX events_card_updates ON events (source, digest, received_at)
    WHERE name = 'card.updated'
    """,
    """
    CREATE INDEX events_due ON events (priority, due_at, id)
    WHERE status IN ('pending', 'parked')
    """,
    """
    CREATE INDEX events_by_transaction ON events (transaction_id)
    WHERE status IN ('pending', 'parked') AND transaction_id IS NOT NULL
    """,
    """
    CREATE INDEX events_by_key ON events (idempotency_key)
    WHERE status IN ('pending', 'parked') AND idempotency_key IS NOT NULL
    """,
    """
    CREATE INDEX events_by_card ON events (old_card)
    WHERE status IN ('pending', 'parked') AND old_card IS NOT NULL
    """,
    "COMMENT ON COLUMN events.digest IS 'SHA-256 of the body; kept when the body is erased'",
    "COMMENT ON COLUMN events.body IS 'as received; null once erased'",
    "COMMENT ON COLUMN events.old_card IS 'keyed digest of the token that a new card replaces'",
    "COMMENT ON COLUMN events.note IS 'why it is parked, or what was done'",
    "COMMENT ON COLUMN events.parkings IS 'times parked; longer pauses each time'",
    "COMMENT ON COLUMN events.woken IS 'its invoice was registered while it was being handled'",
    "COMMENT ON COLUMN events.invoice_id IS 'no foreign key: intake never waits for an invoice'",
    """
    CREATE VIEW standing_successes AS
    SELECT t.invoice_id, e.id AS event_id, e.body
    FROM events e JOIN transactions t ON t.transaction_id = e.transaction_id
    WHERE e.name = 'recovery.success' AND e.status IN ('pending', 'parked')
    UNION ALL
    SELECT k.invoice_id, e.id, e.body
    FROM events e JOIN idempotency_keys k ON k.key = e.idempotency_key
    WHERE e.name = 'recovery.success' AND e.status IN ('pending', 'parked')
    """,
    "COMMENT ON VIEW standing_successes IS 'payments received but not yet settled, by invoice'",
)

_CASES = (
    """
    CREATE TABLE cases (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices,
        cycle integer NOT NULL CHECK (cycle >= 1),
        workflow_id text NOT NULL UNIQUE,
        state text NOT NULL DEFAULT 'opening' CHECK (state IN (
            'opening', 'waiting', 'watching', 'retrying', 'paused', 'review', 'closed')),
        outcome text CHECK (outcome IN (
            'recovered', 'cancelled', 'written_off', 'stopped', 'handed_over')),
        cause text CHECK (cause IN (
            'revtain_retry', 'card_update', 'paid_elsewhere', 'manual')),
        campaign text,
        advice text CHECK (advice IN (
            'monitor', 'retry_later', 'request_card_update', 'authenticate', 'manual_review',
            'blocked')),
        decline_code text,
        policy_digest text,
        version integer NOT NULL DEFAULT 0,
        next_step text,
        next_at timestamptz,
        review_reason text CHECK (review_reason IN (
            'manual_review', 'blocked', 'amount_differs', 'no_campaign', 'campaign_over',
            'watch_over', 'retry_over')),
        review_round integer NOT NULL DEFAULT 0,
        owner text,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        paid_after_close_at timestamptz,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (invoice_id, cycle),
        CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
        CHECK ((state = 'closed') = (outcome IS NOT NULL))
    )
    """,
    "CREATE UNIQUE INDEX cases_one_live ON cases (invoice_id) WHERE closed_at IS NULL",
    "CREATE INDEX cases_next ON cases (next_at) WHERE closed_at IS NULL",
    "CREATE INDEX cases_state ON cases (state, id)",
    "COMMENT ON COLUMN cases.version IS 'of the projected view; a lower one never overwrites'",
    "COMMENT ON COLUMN cases.opened_at IS 'time of the case, like next_at and closed_at'",
    "COMMENT ON COLUMN cases.paid_after_close_at IS 'money came after an unpaid close'",
    """
    CREATE TABLE messages (
        id text PRIMARY KEY,
        case_id bigint NOT NULL REFERENCES cases ON DELETE CASCADE,
        step text NOT NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'sms')),
        template text NOT NULL,
        status text NOT NULL CHECK (status IN (
            'planned', 'reserved', 'sent', 'withheld', 'overtaken', 'skipped', 'refused',
            'unknown')),
        reason text,
        provider_id text,
        body_digest text,
        due_at timestamptz,
        reserved_at timestamptz,
        occurred_at timestamptz,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (case_id, step, channel)
    )
    """,
    "CREATE INDEX messages_provider ON messages (provider_id) WHERE provider_id IS NOT NULL",
    "COMMENT ON COLUMN messages.reserved_at IS 'time of the database, to ask the vendor with'",
    "COMMENT ON COLUMN messages.occurred_at IS 'time of the case'",
    """
    CREATE TABLE suppressions (
        channel text NOT NULL CHECK (channel IN ('email', 'sms')),
        address_digest text NOT NULL,
        reason text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (channel, address_digest)
    )
    """,
)

_OPERATORS = (
    """
    CREATE TABLE reviews (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id bigint NOT NULL REFERENCES cases ON DELETE CASCADE,
        round integer NOT NULL,
        reason text NOT NULL,
        opened_at timestamptz NOT NULL,
        deadline timestamptz,
        owner text,
        decision text,
        decided_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX one_open_review ON reviews (case_id) WHERE decided_at IS NULL",
    "CREATE INDEX reviews_open ON reviews (deadline) WHERE decided_at IS NULL",
    "COMMENT ON COLUMN reviews.decided_at IS 'the review ended, by a decision or an event'",
    """
    CREATE TABLE notes (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id bigint NOT NULL REFERENCES cases ON DELETE CASCADE,
        author text NOT NULL,
        text text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX notes_case ON notes (case_id)",
    """
    CREATE TABLE policies (
        digest text PRIMARY KEY,
        document text NOT NULL,
        first_used_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE api_keys (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        digest bytea NOT NULL UNIQUE,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_used_at timestamptz,
        revoked_at timestamptz
    )
    """,
    "COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the key; the key itself is not kept'",
)


def upgrade() -> None:
    """Make tables, indexes and the view; there is no way back from the first revision."""
    for statement in (*_REGISTRY, *_INBOX, *_CASES, *_OPERATORS):
        op.execute(statement)
