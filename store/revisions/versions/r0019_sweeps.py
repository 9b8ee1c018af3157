"""What does revision 0019 change? Of several web processes one sweeps, and reads what is due."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE sweeps (
        name text PRIMARY KEY,
        place text NOT NULL,
        leased_until timestamptz NOT NULL
    )
    """,
    "COMMENT ON TABLE sweeps IS 'work that one process at a time does for all, turn by turn'",
    "COMMENT ON COLUMN sweeps.place IS 'where the next turn goes on; empty: from the beginning'",
    "COMMENT ON COLUMN sweeps.leased_until IS 'before, nobody else takes a turn'",
    """
    CREATE INDEX messages_sent ON messages (channel, reserved_at)
    WHERE status = 'sent' AND merged_into IS NULL
    """,
)


def upgrade() -> None:
    """Add table and index; the first turn begins at the beginning."""
    for statement in _STATEMENTS:
        op.execute(statement)
