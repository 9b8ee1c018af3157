"""With which statements does the ledger work? The guards of each status stand in their WHERE."""

from __future__ import annotations

from sqlalchemy import text

RESERVE = text("""
    WITH target AS (
        SELECT c.id AS case_id,
            NOT :after_payment AND (i.status <> 'open' OR c.closed_at IS NOT NULL) AS settled,
            NOT :after_payment AND EXISTS (
                SELECT FROM standing_successes s WHERE s.invoice_id = c.invoice_id
            ) AS success_pending
        FROM cases c JOIN invoices i ON i.id = c.invoice_id
        WHERE c.workflow_id = :workflow_id
    ), reserved AS (
        INSERT INTO messages (
            id, case_id, step, channel, template, status, due_at, reserved_at, body_digest)
        SELECT :message_id, case_id, :step, :channel, :template, 'reserved',
            CAST(:due_at AS timestamptz), statement_timestamp(), :body_digest
        FROM target WHERE NOT settled AND NOT success_pending
        ON CONFLICT (case_id, step, channel) DO UPDATE SET
            status = 'reserved', template = excluded.template, due_at = excluded.due_at,
            reserved_at = excluded.reserved_at, body_digest = excluded.body_digest,
            reason = NULL, updated_at = clock_timestamp()
        WHERE messages.status = 'planned'
        RETURNING id
    )
    SELECT t.settled, t.success_pending, r.id AS reserved_id,
        m.id, m.status, m.provider_id, m.reserved_at, m.body_digest, m.occurred_at, m.reason
    FROM target t
    LEFT JOIN reserved r ON true
    LEFT JOIN messages m
        ON m.case_id = t.case_id AND m.step = :step AND m.channel = :channel
        AND m.status <> 'planned'
""")
RELEASE = text("""
    UPDATE messages SET
        status = 'planned', reserved_at = NULL, body_digest = NULL, updated_at = clock_timestamp()
    WHERE id = :id AND status = 'reserved'
""")
SENT = text("""
    UPDATE messages SET
        status = 'sent', provider_id = :provider_id, occurred_at = :occurred_at, reason = NULL,
        updated_at = clock_timestamp()
    WHERE id = :id AND status IN ('reserved', 'unknown')
""")
REFUSED = text("""
    UPDATE messages SET
        status = 'refused', reason = :reason, occurred_at = :occurred_at,
        updated_at = clock_timestamp()
    WHERE id = :id AND status IN ('reserved', 'unknown')
""")
UNKNOWN = text("""
    UPDATE messages SET
        status = 'unknown', reason = :reason, occurred_at = :occurred_at,
        updated_at = clock_timestamp()
    WHERE id = :id AND status = 'reserved'
""")
WITHHELD = text("""
    INSERT INTO messages (
        id, case_id, step, channel, template, status, reason, due_at, occurred_at)
    SELECT :message_id, id, :step, :channel, :template, 'withheld', :reason,
        CAST(:occurred_at AS timestamptz), CAST(:occurred_at AS timestamptz)
    FROM cases WHERE workflow_id = :workflow_id
    ON CONFLICT (case_id, step, channel) DO UPDATE SET
        status = 'withheld', reason = excluded.reason, occurred_at = excluded.occurred_at,
        updated_at = clock_timestamp()
    WHERE messages.status IN ('planned', 'withheld')
""")
FIND = text("""
    SELECT m.id, m.status, m.provider_id, m.reserved_at, m.body_digest, m.occurred_at, m.reason
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE c.workflow_id = :workflow_id AND m.step = :step AND m.channel = :channel
""")
MESSAGES = text("""
    SELECT m.id, m.step, m.channel, m.template, m.status, m.reason, m.provider_id, m.due_at,
        m.reserved_at, m.occurred_at, m.updated_at
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE c.workflow_id = :workflow_id ORDER BY m.due_at, m.step, m.channel
""")

SUPPRESS = text("""
    INSERT INTO suppressions (channel, address_digest, reason)
    VALUES (:channel, :digest, :reason) ON CONFLICT DO NOTHING
""")
SUPPRESSED = text("""
    SELECT reason FROM suppressions WHERE channel = :channel AND address_digest = :digest
""")
