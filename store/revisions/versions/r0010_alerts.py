"""What does revision 0010 change? What the team must know is written down where it happens.

Triggers write most alerts, in the transaction of the fact itself, so that none can be forgotten.
An alert that heads a message to the team names itself in `told_with`; the others name their head.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE alerts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN (
            'review', 'team_alert', 'unknown_outcome', 'paid_after_close', 'reply', 'unmatched',
            'unreadable', 'case_without_run', 'dead_letters', 'credentials',
            'credentials_mended', 'configuration')),
        subject text NOT NULL,
        detail jsonb NOT NULL DEFAULT '{}',
        identity text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        told_at timestamptz,
        told_with bigint,
        gathered_at timestamptz,
        owed text[] NOT NULL DEFAULT '{}',
        tries integer NOT NULL DEFAULT 0,
        due_at timestamptz,
        UNIQUE (kind, identity)
    )
    """,
    "COMMENT ON TABLE alerts IS 'what the team is told; no personal data'",
    "COMMENT ON COLUMN alerts.identity IS 'what makes it the same alert when it comes again'",
    "COMMENT ON COLUMN alerts.told_with IS 'alert that heads the message; null: in none yet'",
    "COMMENT ON COLUMN alerts.owed IS 'of a head: the targets that did not take the message yet'",
    "CREATE INDEX alerts_untold ON alerts (kind, id) WHERE told_with IS NULL",
    "CREATE INDEX alerts_heads ON alerts (kind, gathered_at) WHERE told_with = id",
    "CREATE INDEX alerts_owed ON alerts (due_at) WHERE owed <> '{}'",
    "CREATE INDEX alerts_together ON alerts (told_with, id)",
    """
    CREATE TABLE channel_pauses (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        channel text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        reason text NOT NULL,
        cleared_at timestamptz,
        cleared_by text
    )
    """,
    "CREATE UNIQUE INDEX channel_pauses_one ON channel_pauses (channel) WHERE cleared_at IS NULL",
    "COMMENT ON TABLE channel_pauses IS 'channels whose vendor refuses us as we are configured'",
    "COMMENT ON COLUMN channel_pauses.until IS 'then one message is let through to try the vendor'",
    "COMMENT ON COLUMN channel_pauses.reason IS 'in our words, never those of the vendor'",
    "COMMENT ON COLUMN channel_pauses.cleared_by IS '`vendor`: it took a message; or a person'",
)

_RAISE = """
    CREATE FUNCTION alerts_raise(what text, about text, told jsonb, same text) RETURNS void
    LANGUAGE sql AS $$
        INSERT INTO alerts (kind, subject, detail, identity)
        VALUES (what, about, jsonb_strip_nulls(told), same)
        ON CONFLICT (kind, identity) DO NOTHING
    $$
"""
# Pauses of an event grow from a minute to hours: at its fourth it has waited half an hour.
_PATIENCE = 4
# Of each: name, table and moment, condition, kind, subject, detail, identity.
_SOURCES = (
    (
        "alerts_review",
        "INSERT ON reviews",
        "NEW.decided_at IS NULL",
        "review",
        "(SELECT c.invoice_id FROM cases c WHERE c.id = NEW.case_id)",
        "'reason', NEW.reason, 'round', NEW.round::text",
        "NEW.id::text",
    ),
    (
        "alerts_unknown",
        "UPDATE OF status ON messages",
        "NEW.status = 'unknown' AND OLD.status <> 'unknown' AND NEW.merged_into IS NULL",
        "unknown_outcome",
        "(SELECT c.invoice_id FROM cases c WHERE c.id = NEW.case_id)",
        "'channel', NEW.channel, 'step', NEW.step",
        "NEW.id",
    ),
    (
        "alerts_late_payment",
        "UPDATE OF paid_after_close_at ON cases",
        "OLD.paid_after_close_at IS NULL AND NEW.paid_after_close_at IS NOT NULL",
        "paid_after_close",
        "NEW.invoice_id",
        "'outcome', NEW.outcome",
        "NEW.id::text",
    ),
    (
        "alerts_unmatched",
        "UPDATE OF parkings ON events",
        f"NEW.status = 'parked' AND OLD.parkings < {_PATIENCE} AND NEW.parkings >= {_PATIENCE}",
        "unmatched",
        "NEW.id::text",
        "'source', NEW.source, 'name', left(NEW.name, 60)",
        "NEW.id::text",
    ),
    (
        "alerts_unreadable",
        "INSERT ON events",
        "NEW.status = 'unreadable'",
        "unreadable",
        "NEW.id::text",
        "'source', NEW.source",
        "NEW.id::text",
    ),
    (
        "alerts_reply",
        "INSERT ON replies",
        "NEW.meaning = 'other' AND NEW.handled_at IS NULL",
        "reply",
        "NEW.id::text",
        (
            "'channel', NEW.channel,"
            " 'invoice', (SELECT c.invoice_id FROM cases c WHERE c.id = NEW.case_id)"
        ),
        "NEW.id::text",
    ),
    (
        "alerts_dead_letter",
        "UPDATE OF status ON outgoing",
        "NEW.status = 'dead' AND OLD.status <> 'dead'",
        "dead_letters",
        "NEW.webhook_id",
        "'endpoint', NEW.endpoint_id, 'kind', NEW.kind",
        "NULL",
    ),
)


def upgrade() -> None:
    """Add the tables and what fills them; what happened before is told to nobody."""
    for statement in (*_TABLES, _RAISE):
        op.execute(statement)
    for name, moment, condition, kind, subject, detail, identity in _SOURCES:
        op.execute(f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM alerts_raise(
                    '{kind}', {subject}, jsonb_build_object({detail}), {identity});
                RETURN NULL;
            END
            $$
        """)
        op.execute(f"""
            CREATE TRIGGER {name} AFTER {moment}
            FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()
        """)
