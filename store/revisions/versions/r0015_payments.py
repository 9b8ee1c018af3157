"""What does revision 0015 change? Money that came in is kept, part by part."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE payments (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        invoice_id text NOT NULL REFERENCES invoices,
        amount bigint NOT NULL CHECK (amount > 0),
        currency text NOT NULL,
        source text NOT NULL CHECK (source IN ('api', 'revtain', 'review')),
        reference text,
        received_at timestamptz NOT NULL,
        counted_at timestamptz,
        UNIQUE (invoice_id, reference)
    )
    """,
    "COMMENT ON TABLE payments IS 'money that came in for an invoice, part by part'",
    "COMMENT ON COLUMN payments.source IS 'who said so; `review`: a person has looked at it'",
    "COMMENT ON COLUMN payments.reference IS 'what makes it the same payment when it comes again'",
    "COMMENT ON COLUMN payments.counted_at IS 'null: it has taken nothing off what is owed'",
    """
    ALTER TABLE invoices ADD COLUMN paid_minor bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0)
    """,
    "COMMENT ON COLUMN invoices.paid_minor IS 'what its counted payments come to'",
    # An event whose transaction is that of another invoice is no payment of this one.
    """
    CREATE OR REPLACE VIEW standing_successes AS
    SELECT t.invoice_id, e.id AS event_id, e.body
    FROM events e JOIN transactions t ON t.transaction_id = e.transaction_id
    WHERE e.name = 'recovery.success' AND e.status IN ('pending', 'parked')
    UNION ALL
    SELECT k.invoice_id, e.id, e.body
    FROM events e JOIN idempotency_keys k ON k.key = e.idempotency_key
    WHERE e.name = 'recovery.success' AND e.status IN ('pending', 'parked')
    AND NOT EXISTS (
        SELECT FROM transactions t
        WHERE t.transaction_id = e.transaction_id AND t.invoice_id <> k.invoice_id)
    """,
)

# A payment is told when it is received, and again when a person counts what had to wait for that.
_AUDIT = (
    """
    CREATE FUNCTION audit_payment() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        owed invoices;
        latest bigint;
    BEGIN
        SELECT * INTO owed FROM invoices WHERE id = NEW.invoice_id;
        SELECT id INTO latest FROM cases
        WHERE invoice_id = NEW.invoice_id ORDER BY cycle DESC LIMIT 1;
        IF latest IS NOT NULL THEN
            PERFORM audit_append(latest, 'payment.received', jsonb_build_object(
                'at', audit_moment(COALESCE(NEW.counted_at, NEW.received_at)),
                'amount', NEW.amount, 'currency', NEW.currency, 'source', NEW.source,
                'left', CASE WHEN owed.status = 'open' THEN owed.amount_due - owed.paid_minor
                    ELSE LEAST(0, owed.amount_due - owed.paid_minor) END,
                'left_currency', NULLIF(owed.currency, NEW.currency)));
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_received AFTER INSERT ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_payment()
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_counted AFTER UPDATE ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.counted_at IS NULL AND NEW.counted_at IS NOT NULL)
    EXECUTE FUNCTION audit_payment()
    """,
)

_ALERTS = (
    """
    CREATE FUNCTION payments_figures(of_invoice text, waiting_only boolean) RETURNS text
    LANGUAGE sql STABLE RETURN (
        SELECT string_agg(total || ' ' || currency, ', ' ORDER BY currency)
        FROM (
            SELECT currency, sum(amount) AS total FROM payments
            WHERE invoice_id = of_invoice
            AND (NOT waiting_only OR (counted_at IS NULL AND source <> 'review'))
            GROUP BY currency
        ) AS g)
    """,
    "COMMENT ON FUNCTION payments_figures IS 'what came in, one sum per currency: `2000 USD`'",
    """
    CREATE OR REPLACE FUNCTION alerts_review() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        owed invoices;
        differs boolean := NEW.reason = 'amount_differs';
    BEGIN
        SELECT i.* INTO owed FROM cases c JOIN invoices i ON i.id = c.invoice_id
        WHERE c.id = NEW.case_id;
        PERFORM alerts_raise('review', owed.id, jsonb_build_object(
            'reason', NEW.reason, 'round', NEW.round::text,
            'owed', CASE WHEN differs THEN
                (owed.amount_due - owed.paid_minor) || ' ' || owed.currency END,
            'received', CASE WHEN differs THEN payments_figures(owed.id, true) END),
            NEW.id::text);
        RETURN NULL;
    END
    $$
    """,
)


def upgrade() -> None:
    """Make room for payments."""
    for statement in (*_TABLES, *_AUDIT, *_ALERTS):
        op.execute(statement)
