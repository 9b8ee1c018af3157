"""What does revision 0009 change? What messages said is kept apart, and customers can be erased."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE letters (
        message_id text PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
        recipient text,
        subject text,
        body text,
        kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        erased_at timestamptz
    )
    """,
    "CREATE INDEX letters_kept ON letters (kept_at) WHERE erased_at IS NULL",
    "COMMENT ON TABLE letters IS 'personal data: what a message said, while it is kept'",
    "COMMENT ON COLUMN letters.body IS 'plain text; its digest stays in messages.body_digest'",
    "COMMENT ON COLUMN letters.erased_at IS 'since then the texts are null'",
    "ALTER TABLE customers ADD COLUMN erased_at timestamptz",
    "CREATE INDEX customers_erased ON customers (id) WHERE erased_at IS NOT NULL",
    "COMMENT ON COLUMN customers.erased_at IS 'since then only the id is known, and stays so'",
    """
    CREATE INDEX events_with_body ON events ((COALESCE(done_at, received_at)))
    WHERE body IS NOT NULL AND status IN ('done', 'unreadable')
    """,
    """
    CREATE INDEX events_of_invoice ON events (invoice_id)
    WHERE body IS NOT NULL AND status = 'done' AND invoice_id IS NOT NULL
    """,
    "CREATE INDEX replies_with_body ON replies (received_at) WHERE body IS NOT NULL",
)


def upgrade() -> None:
    """Add table, column and indexes; what was sent before was not kept."""
    for statement in _STATEMENTS:
        op.execute(statement)
