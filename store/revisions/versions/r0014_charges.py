"""What does revision 0014 change? Cards are charged by us, each attempt under a key of its own."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLE = (
    """
    CREATE TABLE charges (
        key text PRIMARY KEY CHECK (length(key) <= 128),
        invoice_id text NOT NULL REFERENCES invoices ON DELETE CASCADE,
        case_id bigint REFERENCES cases,
        purpose text NOT NULL CHECK (purpose IN ('recovery', 'new_card', 'retry')),
        card_digest text,
        amount bigint NOT NULL,
        currency text NOT NULL,
        decline_code text,
        status text NOT NULL CHECK (status IN ('planned', 'requested', 'answered')),
        outcome text CHECK (outcome IN (
            'recovered', 'failed', 'blocked', 'queued', 'unknown', 'refused')),
        transaction_id text,
        answered_code text,
        advice text CHECK (advice IN (
            'monitor', 'retry_later', 'request_card_update', 'authenticate', 'manual_review',
            'blocked')),
        reason text,
        tries integer NOT NULL DEFAULT 0,
        planned_at timestamptz NOT NULL,
        not_before timestamptz,
        requested_at timestamptz,
        answered_at timestamptz,
        CHECK ((status = 'answered') = (outcome IS NOT NULL)),
        CHECK (status <> 'requested' OR requested_at IS NOT NULL)
    )
    """,
    "COMMENT ON TABLE charges IS 'what we ask the recovery service to charge; instants of cases'",
    "COMMENT ON COLUMN charges.status IS '`requested` is committed before the request leaves'",
    "COMMENT ON COLUMN charges.tries IS 'how often in a row the service could not be asked'",
    "COMMENT ON COLUMN charges.reason IS 'why it waits, or was never made; in our words'",
    """
    CREATE INDEX charges_of_card ON charges (card_digest, requested_at)
    WHERE requested_at IS NOT NULL
    """,
    "CREATE INDEX charges_of_invoice ON charges (invoice_id)",
)

_TOLD = (
    """
    CREATE FUNCTION audit_charge() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        kind text := CASE
            WHEN NEW.status = 'requested' THEN 'charge.requested' ELSE 'charge.answered' END;
    BEGIN
        PERFORM audit_append(NEW.case_id, kind, jsonb_build_object(
            'at', audit_moment(
                CASE WHEN NEW.status = 'requested' THEN NEW.requested_at ELSE NEW.answered_at END),
            'charge', NEW.key, 'purpose', NEW.purpose, 'status', NEW.outcome,
            'decline_code', NEW.answered_code, 'transaction', NEW.transaction_id,
            'reason', NEW.reason));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_charged AFTER INSERT ON charges
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.case_id IS NOT NULL AND NEW.status <> 'planned')
    EXECUTE FUNCTION audit_charge()
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_charge_changed AFTER UPDATE ON charges
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.case_id IS NOT NULL AND NEW.status <> 'planned'
        AND (OLD.status, OLD.outcome, OLD.requested_at)
        IS DISTINCT FROM (NEW.status, NEW.outcome, NEW.requested_at))
    EXECUTE FUNCTION audit_charge()
    """,
    # What the merchant handed over is answered to the merchant.
    """
    CREATE FUNCTION alerts_charge() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM alerts_raise('charge_refused', NEW.invoice_id, jsonb_build_object(
            'reason', NEW.reason), NEW.key);
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER alerts_charge AFTER INSERT OR UPDATE ON charges FOR EACH ROW
    WHEN (NEW.outcome = 'refused' AND NEW.purpose <> 'recovery')
    EXECUTE FUNCTION alerts_charge()
    """,
    """
    ALTER TABLE cases DROP CONSTRAINT cases_review_reason_check,
        ADD CONSTRAINT cases_review_reason_check CHECK (review_reason IN (
            'manual_review', 'blocked', 'amount_differs', 'no_campaign', 'campaign_over',
            'watch_over', 'retry_over', 'unreachable', 'charge_refused'))
    """,
)


_ENDS = "('recovered', 'cancelled', 'written_off', 'stopped', 'handed_over')"
_KINDS = (
    f"""
    CREATE OR REPLACE FUNCTION outgoing_kinds(kind text) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN kind = 'order.refused' THEN ARRAY[kind]
        WHEN kind LIKE 'order.%' THEN ARRAY['order.given']
        WHEN split_part(kind, '.', 1) = 'case' AND split_part(kind, '.', 2) IN {_ENDS}
        THEN ARRAY[kind, 'case.closed']
        WHEN kind IN (
            'case.opened', 'case.waiting', 'case.watching', 'case.retrying', 'case.promised',
            'case.paused', 'promise.kept', 'promise.broken', 'case.review', 'case.campaign',
            'case.paid_after_close',
            'message.sent', 'message.withheld', 'message.refused', 'message.unknown',
            'message.settled', 'message.overtaken', 'message.skipped', 'message.alerted',
            'message.deferred', 'message.canceled', 'message.delivered', 'message.read',
            'message.undelivered', 'message.bounced', 'message.dropped', 'message.failed',
            'message.unsubscribed', 'message.resubscribed', 'message.complained',
            'channel.closed', 'channel.opened', 'review.round', 'review.changed',
            'review.decided',
            'charge.requested', 'charge.answered', 'payment.received',
            'customer.asked_for_help', 'service.ending', 'service.ended', 'service.kept')
        THEN ARRAY[kind]
        ELSE '{{}}'
    END
    """,
    """
    ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check
    CHECK (kind IN (
        'review', 'team_alert', 'unknown_outcome', 'paid_after_close', 'reply', 'unmatched',
        'unreadable', 'case_without_run', 'dead_letters', 'credentials', 'credentials_mended',
        'configuration', 'directory_down', 'directory_back', 'directory_entry',
        'overpaid', 'paid_two', 'charge_refused'))
    """,
)


def upgrade() -> None:
    """Make room for charges."""
    for statement in (*_TABLE, *_TOLD, *_KINDS):
        op.execute(statement)
