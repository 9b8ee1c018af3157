"""What does revision 0020 change? The team is told of another amount than the one owed."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let alerts be of that kind."""
    op.execute("""
        ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check
        CHECK (kind IN (
            'review', 'team_alert', 'unknown_outcome', 'paid_after_close', 'reply', 'unmatched',
            'unreadable', 'case_without_run', 'dead_letters', 'credentials', 'credentials_mended',
            'configuration', 'directory_down', 'directory_back', 'directory_entry',
            'overpaid', 'paid_two', 'charge_refused', 'amount_differs'))
    """)
