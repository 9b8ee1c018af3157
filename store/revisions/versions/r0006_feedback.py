"""What does revision 0006 change? What vendors and customers answer is kept, and closes channels.

A suppression is one reason why an address is closed; it is lifted, never deleted. Consents are the
proof of what was agreed to and taken back; replies are what customers wrote; reports are what
vendors said of a message after they had taken it.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SUPPRESSIONS = (
    "ALTER TABLE suppressions DROP CONSTRAINT suppressions_pkey",
    """
    ALTER TABLE suppressions
        ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ADD COLUMN scope text NOT NULL DEFAULT 'everything'
            CHECK (scope IN ('reminders', 'everything')),
        ADD COLUMN source text NOT NULL DEFAULT 'send' CHECK (source IN (
            'send', 'report', 'reply', 'page', 'one_click', 'api', 'operator', 'import')),
        ADD COLUMN event_id bigint REFERENCES events ON DELETE SET NULL,
        ADD COLUMN expires_at timestamptz,
        ADD COLUMN lifted_at timestamptz,
        ADD COLUMN lifted_by text,
        ADD CONSTRAINT suppressions_reason_check
            CHECK (reason IN ('opted_out', 'complained', 'bad_address', 'filtered'))
    """,
    "ALTER TABLE suppressions ALTER COLUMN scope DROP DEFAULT, ALTER COLUMN source DROP DEFAULT",
    """
    CREATE UNIQUE INDEX suppressions_in_force ON suppressions (channel, address_digest, reason)
    WHERE lifted_at IS NULL
    """,
    "COMMENT ON COLUMN suppressions.address_digest IS 'keyed digest; for push, of the customer id'",
    "COMMENT ON COLUMN suppressions.lifted_by IS 'a source, or the name of a person'",
    "CREATE INDEX suppressions_event ON suppressions (event_id) WHERE event_id IS NOT NULL",
    "CREATE INDEX customers_email ON customers (lower(btrim(email))) WHERE email IS NOT NULL",
    "CREATE INDEX customers_phone ON customers (phone) WHERE phone IS NOT NULL",
)

_CONSENTS = (
    """
    CREATE TABLE consents (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer_id text REFERENCES customers ON DELETE SET NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
        address_digest text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('given', 'withdrawn', 'restored')),
        at timestamptz NOT NULL,
        source text NOT NULL,
        proof text,
        event_id bigint REFERENCES events ON DELETE SET NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX consents_address ON consents (channel, address_digest, id)",
    "CREATE INDEX consents_customer ON consents (customer_id)",
    "CREATE INDEX consents_event ON consents (event_id) WHERE event_id IS NOT NULL",
    "COMMENT ON TABLE consents IS 'append-only: what was agreed to and taken back, with proof'",
    "COMMENT ON COLUMN consents.proof IS 'in the words of whoever recorded it; personal data'",
    """
    CREATE TABLE replies (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
        vendor_id text NOT NULL UNIQUE,
        address_digest text NOT NULL,
        customer_id text REFERENCES customers ON DELETE SET NULL,
        case_id bigint REFERENCES cases ON DELETE SET NULL,
        body text,
        meaning text NOT NULL CHECK (meaning IN ('stop', 'start', 'help', 'other')),
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        handled_at timestamptz,
        handled_by text
    )
    """,
    "CREATE INDEX replies_open ON replies (id) WHERE handled_at IS NULL",
    "CREATE INDEX replies_customer ON replies (customer_id)",
    "COMMENT ON COLUMN replies.body IS 'personal data; null once it was erased'",
    "COMMENT ON COLUMN replies.handled_at IS 'null while a person should read it'",
)

_REPORTS = (
    """
    CREATE TABLE reports (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id text NOT NULL REFERENCES messages ON DELETE CASCADE,
        status text NOT NULL,
        code text,
        at timestamptz NOT NULL,
        event_id bigint REFERENCES events ON DELETE SET NULL,
        applied boolean NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX reports_message ON reports (message_id, id)",
    "CREATE INDEX reports_event ON reports (event_id) WHERE event_id IS NOT NULL",
    "COMMENT ON COLUMN reports.at IS 'by the vendor''s clock'",
    "COMMENT ON COLUMN reports.applied IS 'false: it came too late to change what was known'",
    """
    ALTER TABLE messages
        ADD COLUMN requested_at timestamptz,
        ADD COLUMN delivery text,
        ADD COLUMN delivery_code text,
        ADD COLUMN delivery_at timestamptz,
        ADD COLUMN address_digest text
    """,
    "COMMENT ON COLUMN messages.requested_at IS 'null: no request ever left'",
    # Of what was taken before, nobody can say that no request left.
    "UPDATE messages SET requested_at = reserved_at WHERE reserved_at IS NOT NULL",
    "COMMENT ON COLUMN messages.delivery IS 'the furthest that a vendor reported'",
    "COMMENT ON COLUMN messages.address_digest IS 'keyed digest of where it went, for its reports'",
    "ALTER TABLE cases ADD COLUMN closed_channels text[] NOT NULL DEFAULT '{}'",
    "COMMENT ON COLUMN cases.closed_channels IS 'channel: reason, as the case last heard of them'",
    "ALTER TABLE cases DROP CONSTRAINT cases_review_reason_check",
    """
    ALTER TABLE cases ADD CONSTRAINT cases_review_reason_check CHECK (review_reason IN (
        'manual_review', 'blocked', 'amount_differs', 'no_campaign', 'campaign_over',
        'watch_over', 'retry_over', 'unreachable'))
    """,
)


def upgrade() -> None:
    """Add tables and columns; what was suppressed before holds for everything, as it did."""
    for statement in (*_SUPPRESSIONS, *_CONSENTS, *_REPORTS):
        op.execute(statement)
