"""What does revision 0004 change? A case says why it has its campaign; a step may be an alert."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE cases ADD COLUMN campaign_reason text",
    "COMMENT ON COLUMN cases.campaign_reason IS 'why this campaign, and not those before it'",
    "ALTER TABLE messages DROP CONSTRAINT messages_status_check",
    """
    ALTER TABLE messages ADD CONSTRAINT messages_status_check CHECK (status IN (
        'planned', 'reserved', 'sent', 'withheld', 'overtaken', 'skipped', 'refused', 'unknown',
        'alerted'))
    """,
)


def upgrade() -> None:
    """Add the column; of older cases the reason stands in their history only."""
    for statement in _STATEMENTS:
        op.execute(statement)
