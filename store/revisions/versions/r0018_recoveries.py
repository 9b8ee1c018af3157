"""What does revision 0018 change? Failed payments may be handed over to us, each tried once."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE recoveries (
        key text PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices (id),
        request_id text UNIQUE,
        decline_code text,
        gateway text,
        card_country text,
        card_prefix text,
        fallback_tokens text[] NOT NULL DEFAULT '{}',
        simulate text,
        status text NOT NULL DEFAULT 'scheduled' CHECK (status IN (
            'scheduled', 'recovered', 'failed', 'blocked', 'queued', 'unknown', 'refused')),
        transaction_id text,
        answered_code text,
        reason text,
        due_at timestamptz,
        leased_until timestamptz,
        requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        answered_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX recoveries_one ON recoveries (invoice_id) WHERE status = 'scheduled'
    """,
    "CREATE INDEX recoveries_of ON recoveries (invoice_id)",
    "CREATE INDEX recoveries_due ON recoveries (due_at) WHERE due_at IS NOT NULL",
    "COMMENT ON TABLE recoveries IS 'failed payments that the merchant handed over'",
    "COMMENT ON COLUMN recoveries.key IS 'the idempotency key under which Revtain knows it'",
    "COMMENT ON COLUMN recoveries.request_id IS 'digest of caller and Idempotency-Key'",
    "COMMENT ON COLUMN recoveries.reason IS 'in our words, why it was put off or refused'",
    "COMMENT ON COLUMN recoveries.due_at IS 'when it is looked at next; null: no more'",
)


def upgrade() -> None:
    """Add the table."""
    for statement in _STATEMENTS:
        op.execute(statement)
