"""What does revision 0003 change? Customers have devices on which they can be notified."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE push_tokens (
        token text PRIMARY KEY,
        customer_id text NOT NULL REFERENCES customers ON DELETE CASCADE,
        first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX push_tokens_customer ON push_tokens (customer_id)",
    "COMMENT ON TABLE push_tokens IS 'devices that take notifications, by the vendor''s token'",
    "COMMENT ON COLUMN push_tokens.seen_at IS 'when the merchant last named the token'",
    *(
        statement
        for table in ("messages", "suppressions")
        for statement in (
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_channel_check",
            f"""
            ALTER TABLE {table} ADD CONSTRAINT {table}_channel_check
                CHECK (channel IN ('email', 'sms', 'push'))
            """,
        )
    ),
)


def upgrade() -> None:
    """Add the table; nobody has a device yet."""
    for statement in _STATEMENTS:
        op.execute(statement)
