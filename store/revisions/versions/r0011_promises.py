"""What does revision 0011 change? A customer may choose a day to pay, and the audit tells of it.

The functions are those of revisions 0007 and 0008, with promises added.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = (
    """
    ALTER TABLE cases DROP CONSTRAINT cases_state_check, ADD CONSTRAINT cases_state_check
    CHECK (state IN (
        'opening', 'waiting', 'watching', 'retrying', 'promised', 'paused', 'review', 'closed'))
    """,
    """
    ALTER TABLE cases
        ADD COLUMN promise_day date,
        ADD COLUMN promise_until timestamptz,
        ADD COLUMN promise_status text
            CHECK (promise_status IN ('open', 'kept', 'broken', 'ended'))
    """,
    "COMMENT ON COLUMN cases.promise_day IS 'on the calendar of the customer'",
    "COMMENT ON COLUMN cases.promise_until IS 'then an open promise counts as broken'",
)

_AUDIT = (
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
            'next_step', after.next_step, 'next_at', audit_moment(after.next_at),
            'promise_day', CASE WHEN what = 'promised' THEN after.promise_day END,
            'promise_until',
            CASE WHEN what = 'promised' THEN audit_moment(after.promise_until) END));
    END
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION audit_case_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        moment text := CASE WHEN NEW.version <> OLD.version THEN audit_moment(NEW.viewed_at) END;
    BEGIN
        IF NEW.policy_digest <> OLD.policy_digest THEN
            PERFORM audit_append(NEW.id, 'case.policy_moved', jsonb_build_object(
                'at', moment, 'from', OLD.policy_digest, 'policy', NEW.policy_digest));
        END IF;
        IF NEW.closed_channels <> OLD.closed_channels THEN
            PERFORM audit_channels(OLD, NEW, moment);
        END IF;
        IF NEW.promise_status IN ('kept', 'broken')
            AND NEW.promise_status IS DISTINCT FROM OLD.promise_status THEN
            PERFORM audit_append(NEW.id, 'promise.' || NEW.promise_status, jsonb_build_object(
                'at', moment, 'promise_day', NEW.promise_day,
                'promise_until', audit_moment(NEW.promise_until)));
        END IF;
        PERFORM audit_case_moved(OLD, NEW, moment);
        IF NEW.owner IS DISTINCT FROM OLD.owner THEN
            PERFORM audit_append(NEW.id, 'case.assigned', jsonb_build_object('owner', NEW.owner));
        END IF;
        IF NEW.paid_after_close_at IS DISTINCT FROM OLD.paid_after_close_at THEN
            PERFORM audit_append(NEW.id, 'case.paid_after_close', jsonb_build_object(
                'at', audit_moment(NEW.paid_after_close_at)));
        END IF;
        RETURN NULL;
    END
    $$
    """,
    "DROP TRIGGER audit_changed ON cases",
    """
    CREATE CONSTRAINT TRIGGER audit_changed AFTER UPDATE ON cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        (OLD.state, OLD.campaign, OLD.advice, OLD.decline_code, OLD.policy_digest, OLD.owner,
            OLD.closed_channels, OLD.paid_after_close_at, OLD.promise_status)
        IS DISTINCT FROM
        (NEW.state, NEW.campaign, NEW.advice, NEW.decline_code, NEW.policy_digest, NEW.owner,
            NEW.closed_channels, NEW.paid_after_close_at, NEW.promise_status))
    EXECUTE FUNCTION audit_case_changed()
    """,
)

_ENDS = "('recovered', 'cancelled', 'written_off', 'stopped', 'handed_over')"
_OUTGOING = (
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
            'review.decided')
        THEN ARRAY[kind]
        ELSE '{{}}'
    END
    """,
)


def upgrade() -> None:
    """Make room for promises; what the audit says of everything else stays as it was."""
    for statement in (*_COLUMNS, *_AUDIT, *_OUTGOING):
        op.execute(statement)
