"""What does revision 0008 change? The merchant's endpoints hear of what is written to the audit.

The rows to deliver are made by a trigger, so that no way of writing to the audit can forget them,
and none are made while nobody listens.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE endpoints (
        id text PRIMARY KEY,
        url text NOT NULL,
        kinds text[],
        note text,
        salt text NOT NULL,
        earlier_salts text[] NOT NULL DEFAULT '{}',
        earlier_until timestamptz,
        held_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        disabled_at timestamptz,
        disabled_why text
    )
    """,
    "COMMENT ON COLUMN endpoints.kinds IS 'null: all kinds, but those that have to be named'",
    "COMMENT ON COLUMN endpoints.salt IS 'the secret is derived from it and DUNNING_SECRET_KEY'",
    "COMMENT ON COLUMN endpoints.earlier_salts IS 'of secrets that sign too, until earlier_until'",
    "COMMENT ON COLUMN endpoints.held_until IS 'the endpoint asked to be left alone until then'",
    """
    CREATE TABLE outgoing (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        endpoint_id text NOT NULL REFERENCES endpoints ON DELETE CASCADE,
        audit_id bigint NOT NULL REFERENCES audit,
        case_id bigint NOT NULL REFERENCES cases,
        webhook_id text NOT NULL UNIQUE,
        kind text NOT NULL,
        status text NOT NULL DEFAULT 'due' CHECK (status IN ('due', 'delivered', 'dead')),
        attempts integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        leased_until timestamptz,
        last_status integer,
        last_fault text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        delivered_at timestamptz
    )
    """,
    "COMMENT ON COLUMN outgoing.webhook_id IS 'the same at every attempt; receivers know it'",
    "COMMENT ON COLUMN outgoing.last_fault IS 'in our words, never those of the endpoint'",
    "CREATE INDEX outgoing_due ON outgoing (endpoint_id, due_at) WHERE status = 'due'",
    """
    CREATE INDEX outgoing_in_order ON outgoing (endpoint_id, case_id, id) WHERE status = 'due'
    """,
    "CREATE INDEX outgoing_dead ON outgoing (endpoint_id, id) WHERE status = 'dead'",
    "CREATE INDEX outgoing_audit ON outgoing (audit_id)",
    "CREATE INDEX outgoing_case ON outgoing (case_id)",
)

_ENDS = "('recovered', 'cancelled', 'written_off', 'stopped', 'handed_over')"
_TRIGGER = (
    f"""
    CREATE FUNCTION outgoing_kinds(kind text) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN kind = 'order.refused' THEN ARRAY[kind]
        WHEN kind LIKE 'order.%' THEN ARRAY['order.given']
        WHEN split_part(kind, '.', 1) = 'case' AND split_part(kind, '.', 2) IN {_ENDS}
        THEN ARRAY[kind, 'case.closed']
        WHEN kind IN (
            'case.opened', 'case.waiting', 'case.watching', 'case.retrying', 'case.paused',
            'case.review', 'case.campaign', 'case.paid_after_close',
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
    "COMMENT ON FUNCTION outgoing_kinds IS 'as which events a kind of the audit goes out'",
    """
    CREATE FUNCTION outgoing_unasked(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN kind NOT IN (
        'case.closed', 'message.skipped', 'message.deferred', 'message.read')
    """,
    "COMMENT ON FUNCTION outgoing_unasked IS 'whether endpoints that name no kinds get it'",
    # The lock: an endpoint that is removed meanwhile is passed over, and fails nobody's case.
    """
    CREATE FUNCTION outgoing_enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO outgoing (endpoint_id, audit_id, case_id, webhook_id, kind)
        SELECT e.id, a.id, a.case_id, 'msg_' || replace(gen_random_uuid()::text, '-', ''), k.kind
        FROM added a
        CROSS JOIN LATERAL unnest(outgoing_kinds(a.kind)) WITH ORDINALITY AS k (kind, place)
        JOIN endpoints e ON e.disabled_at IS NULL
            AND CASE WHEN e.kinds IS NULL THEN outgoing_unasked(k.kind)
                ELSE k.kind = ANY (e.kinds) END
        ORDER BY a.id, k.place, e.id
        FOR KEY SHARE OF e;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER outgoing_enqueue AFTER INSERT ON audit
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION outgoing_enqueue()
    """,
)


def upgrade() -> None:
    """Add the tables and the trigger; nobody listens yet."""
    for statement in (*_TABLES, *_TRIGGER):
        op.execute(statement)
