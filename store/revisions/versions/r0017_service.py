"""What does revision 0017 change? A service that is not paid for ends, and everybody is told.

The function is that of revision 0011, with the deadline of a review, before which its case may act.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE cases
        ADD COLUMN service text CHECK (service IN ('keep', 'cancel', 'pause')),
        ADD COLUMN service_status text CHECK (service_status IN ('ending', 'ended', 'kept')),
        ADD COLUMN service_ends_at timestamptz
    """,
    "COMMENT ON COLUMN cases.service IS 'what becomes of it, since the debt was given up'",
    "COMMENT ON COLUMN cases.service_ends_at IS 'by the time of the case; null: not told yet'",
    """
    CREATE OR REPLACE FUNCTION audit_case_moved(before cases, after cases, moment text) RETURNS void
    LANGUAGE plpgsql AS $$
    DECLARE
        what text := CASE
            WHEN after.state <> before.state THEN COALESCE(after.outcome, after.state)
            WHEN after.campaign IS DISTINCT FROM before.campaign THEN 'campaign'
            WHEN (after.advice, after.decline_code)
                IS DISTINCT FROM (before.advice, before.decline_code) THEN 'advice'
        END;
    BEGIN
        IF what IS NULL THEN
            RETURN;
        END IF;
        PERFORM audit_append(after.id, 'case.' || what, jsonb_build_object(
            'at', moment, 'from', before.state, 'state', after.state, 'cause', after.cause,
            'advice', after.advice, 'decline_code', after.decline_code,
            'campaign', after.campaign, 'campaign_reason', after.campaign_reason,
            'policy', after.policy_digest, 'review_reason', after.review_reason,
            'review_round', NULLIF(after.review_round, 0),
            'deadline', CASE WHEN what = 'review' THEN (
                SELECT audit_moment(r.deadline) FROM reviews r
                WHERE r.case_id = after.id AND r.decided_at IS NULL) END,
            'next_step', after.next_step, 'next_at', audit_moment(after.next_at),
            'promise_day', CASE WHEN what = 'promised' THEN after.promise_day END,
            'promise_until',
            CASE WHEN what = 'promised' THEN audit_moment(after.promise_until) END));
    END
    $$
    """,
    """
    CREATE FUNCTION audit_service() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.id, 'service.' || NEW.service_status, jsonb_build_object(
            'at', CASE WHEN NEW.version <> OLD.version THEN audit_moment(NEW.viewed_at)
                ELSE audit_moment(NEW.paid_after_close_at) END,
            'service', NEW.service,
            'service_ends_at',
            CASE WHEN NEW.service_status <> 'kept' THEN audit_moment(NEW.service_ends_at) END));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_service AFTER UPDATE ON cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        CASE WHEN NEW.service_status = 'ending' THEN
            NEW.service_ends_at IS NOT NULL AND (OLD.service_status, OLD.service_ends_at)
            IS DISTINCT FROM (NEW.service_status, NEW.service_ends_at)
        ELSE NEW.service_status IS NOT NULL
            AND OLD.service_status IS DISTINCT FROM NEW.service_status END)
    EXECUTE FUNCTION audit_service()
    """,
)


def upgrade() -> None:
    """Make room for the end of a service."""
    for statement in _STATEMENTS:
        op.execute(statement)
