"""What does revision 0016 change? Customers ask for help on the page, and get links there."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE replies DROP CONSTRAINT replies_channel_check,
        ADD CONSTRAINT replies_channel_check CHECK (channel IN ('email', 'sms', 'push', 'page'))
    """,
    """
    CREATE FUNCTION audit_help_asked() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(
            NEW.case_id, 'customer.asked_for_help', jsonb_build_object('reply', NEW.id));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_asked AFTER INSERT ON replies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.channel = 'page' AND NEW.case_id IS NOT NULL) EXECUTE FUNCTION audit_help_asked()
    """,
    """
    CREATE TABLE hosted_links (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices ON DELETE CASCADE,
        minted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz
    )
    """,
    "CREATE INDEX hosted_links_invoice ON hosted_links (invoice_id, minted_at)",
    "COMMENT ON TABLE hosted_links IS 'when customers were led to a page for a new card'",
    "COMMENT ON COLUMN hosted_links.expires_at IS 'null while the link is being made'",
)


def upgrade() -> None:
    """Make room for what happens on the page."""
    for statement in _STATEMENTS:
        op.execute(statement)
