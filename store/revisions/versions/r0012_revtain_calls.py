"""What does revision 0012 change? Revtain can be asked: how often, when last, and since when not.

The first statement adds columns without a default, which rewrites no table.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    ALTER TABLE transactions
        ADD COLUMN asked_at timestamptz,
        ADD COLUMN asked_until timestamptz,
        ADD COLUMN answer text CONSTRAINT transactions_answer_check CHECK (answer IN (
            'succeeded', 'failed', 'blocked', 'unknown', 'missing', 'refused'))
    """,
    """
    ALTER TABLE idempotency_keys
        ADD COLUMN asked_at timestamptz,
        ADD COLUMN asked_until timestamptz,
        ADD COLUMN answer text CONSTRAINT idempotency_keys_answer_check CHECK (answer IN (
            'succeeded', 'failed', 'blocked', 'unknown', 'missing', 'refused')),
        ADD COLUMN transaction_id text
    """,
    "COMMENT ON COLUMN transactions.asked_at IS 'time of the case, when Revtain answered last'",
    "COMMENT ON COLUMN transactions.asked_until IS 'until then one process asks'",
    "COMMENT ON COLUMN idempotency_keys.transaction_id IS 'as Revtain names it'",
    """
    CREATE TABLE revtain_calls (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        tokens double precision NOT NULL,
        filled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        held_until timestamptz NOT NULL DEFAULT '-infinity'
    )
    """,
    "INSERT INTO revtain_calls (tokens) VALUES (0)",
    "COMMENT ON TABLE revtain_calls IS 'a bucket from which each call takes one token'",
    """
    CREATE TABLE heartbeat (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        beat_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON TABLE heartbeat IS 'when the doors for webhooks were open last'",
    """
    CREATE TABLE outages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        since timestamptz NOT NULL,
        noticed_at timestamptz NOT NULL,
        leased_until timestamptz,
        mended_at timestamptz
    )
    """,
    "CREATE INDEX outages_open ON outages (id) WHERE mended_at IS NULL",
    "COMMENT ON TABLE outages IS 'gaps so long that Revtain gave up redelivering'",
)


def upgrade() -> None:
    """Add the columns and tables."""
    for statement in _STATEMENTS:
        op.execute(statement)
