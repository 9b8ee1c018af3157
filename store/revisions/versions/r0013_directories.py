"""What does revision 0013 change? Invoices may be looked up elsewhere, and that may fail."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE invoices ADD COLUMN refreshed_at timestamptz",
    "COMMENT ON COLUMN invoices.refreshed_at IS 'when a directory last said how it stands'",
    """
    CREATE TABLE directory_faults (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        directory text NOT NULL,
        invoice_id text,
        since timestamptz NOT NULL,
        reason text NOT NULL,
        cleared_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX directory_faults_one ON directory_faults
    (directory, COALESCE(invoice_id, '')) WHERE cleared_at IS NULL
    """,
    "COMMENT ON TABLE directory_faults IS 'since when a directory gives no answer'",
    "COMMENT ON COLUMN directory_faults.invoice_id IS 'null: it concerns every invoice'",
    "COMMENT ON COLUMN directory_faults.reason IS 'in our words, never those of the directory'",
    """
    ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check
    CHECK (kind IN (
        'review', 'team_alert', 'unknown_outcome', 'paid_after_close', 'reply', 'unmatched',
        'unreadable', 'case_without_run', 'dead_letters', 'credentials', 'credentials_mended',
        'configuration', 'directory_down', 'directory_back', 'directory_entry'))
    """,
)


def upgrade() -> None:
    """Make room for what directories say, and for when they say nothing."""
    for statement in _STATEMENTS:
        op.execute(statement)
