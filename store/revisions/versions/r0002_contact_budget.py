"""What does revision 0002 change? Messages are counted by customer, and may speak of several debts.

`begun_at` is when a message was taken for sending, in the case's time, which the contact budget
counts by. `merged_into` names the message that spoke of this invoice too.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    ALTER TABLE messages
        ADD COLUMN counts boolean NOT NULL DEFAULT true,
        ADD COLUMN joins boolean NOT NULL DEFAULT false,
        ADD COLUMN begun_at timestamptz,
        ADD COLUMN merged_into text REFERENCES messages ON DELETE SET NULL,
        ADD CHECK (merged_into <> id)
    """,
    "UPDATE messages SET begun_at = occurred_at WHERE status IN ('reserved', 'sent', 'unknown')",
    "UPDATE messages SET counts = false WHERE step = 'receipt'",
    "CREATE INDEX messages_merged ON messages (merged_into) WHERE merged_into IS NOT NULL",
    """
    CREATE VIEW told_together AS
    SELECT m.id AS message_id, array_agg(c.invoice_id ORDER BY c.invoice_id) AS invoice_ids
    FROM messages m
    JOIN messages t ON t.id <> m.id AND (
        t.id = COALESCE(m.merged_into, m.id) OR t.merged_into = COALESCE(m.merged_into, m.id))
    JOIN cases c ON c.id = t.case_id
    GROUP BY m.id
    """,
    "COMMENT ON VIEW told_together IS 'by message: the other invoices that it speaks of'",
    "COMMENT ON COLUMN messages.counts IS 'against the contact budget; receipts do not'",
    "COMMENT ON COLUMN messages.joins IS 'while planned: may go with a message of another invoice'",
    "COMMENT ON COLUMN messages.begun_at IS 'time of the case when it was taken for sending'",
    "COMMENT ON COLUMN messages.merged_into IS 'the message that spoke of this invoice too'",
)


def upgrade() -> None:
    """Add the columns; what was sent before is counted from when it was sent."""
    for statement in _STATEMENTS:
        op.execute(statement)
