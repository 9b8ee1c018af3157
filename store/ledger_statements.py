"""With which statements does the ledger work? The guards of each status stand in their WHERE.

What holds for a message holds for those merged into it: both are changed by the same statement.
"""

from __future__ import annotations

from sqlalchemy import text

# Whoever takes a message of a customer waits for the others who do, so that one at a time counts
# the budget. Not FOR UPDATE: rows that refer to the customer may be written meanwhile.
LOCK_CUSTOMER = text("""
    SELECT FROM customers u
    JOIN invoices i ON i.customer_id = u.id
    JOIN cases c ON c.invoice_id = i.id
    WHERE c.workflow_id = :workflow_id FOR NO KEY UPDATE OF u
""")
RESERVE = text("""
    WITH target AS (
        SELECT c.id AS case_id,
            NOT :after_payment AND (i.status <> 'open' OR (c.closed_at IS NOT NULL
                AND NOT (:of_service AND c.service_status IN ('ending', 'ended') IS TRUE))
            ) AS settled,
            NOT :after_payment AND EXISTS (
                SELECT FROM standing_successes s WHERE s.invoice_id = c.invoice_id
            ) AS success_pending,
            EXISTS (
                SELECT FROM suppressions s
                WHERE s.channel = :channel AND s.address_digest = CAST(:address_digest AS text)
                AND s.lifted_at IS NULL
                AND (s.expires_at IS NULL OR s.expires_at > statement_timestamp())
                AND (s.scope = 'everything' OR NOT :essential)
            ) OR EXISTS (
                SELECT FROM customers u WHERE u.id = i.customer_id AND u.erased_at IS NOT NULL
            ) AS suppressed,
            EXISTS (
                SELECT FROM messages b
                WHERE b.case_id = c.id AND b.step = :step AND b.channel <> :channel
                AND b.status IN ('reserved', 'sent', 'unknown')
            ) AS elsewhere,
            (
                SELECT max(b.begun_at) FROM messages b
                WHERE b.case_id = c.id AND b.merged_into IS NOT NULL
                AND b.status IN ('reserved', 'sent', 'unknown')
                AND b.begun_at > CAST(:now AS timestamptz) - CAST(:spacing AS interval)
            ) AS spoken_of_at,
            CAST(:most AS integer) <= (
                SELECT count(*) FROM messages b
                JOIN cases bc ON bc.id = b.case_id
                JOIN invoices bi ON bi.id = bc.invoice_id
                WHERE bi.customer_id = i.customer_id AND b.channel = :channel
                AND b.counts AND b.merged_into IS NULL
                AND b.status IN ('reserved', 'sent', 'unknown')
                AND b.begun_at > CAST(:since AS timestamptz)
            ) IS TRUE AS over_budget
        FROM cases c JOIN invoices i ON i.id = c.invoice_id
        WHERE c.workflow_id = :workflow_id
    ), reserved AS (
        INSERT INTO messages (
            id, case_id, step, channel, template, status, due_at, begun_at, counts, reserved_at,
            body_digest, address_digest)
        SELECT :message_id, case_id, :step, :channel, :template, 'reserved',
            CAST(:due_at AS timestamptz), CAST(:now AS timestamptz),
            NOT (:after_payment OR :of_service),
            statement_timestamp(), :body_digest, CAST(:address_digest AS text)
        FROM target
        WHERE NOT settled AND NOT success_pending AND NOT over_budget AND NOT elsewhere
        AND spoken_of_at IS NULL AND NOT suppressed
        ON CONFLICT (case_id, step, channel) DO UPDATE SET
            status = 'reserved', template = excluded.template, due_at = excluded.due_at,
            begun_at = excluded.begun_at, counts = excluded.counts,
            reserved_at = excluded.reserved_at, body_digest = excluded.body_digest,
            address_digest = excluded.address_digest,
            requested_at = NULL, reason = NULL, updated_at = clock_timestamp()
        WHERE messages.status = 'planned'
        RETURNING id, reserved_at
    ), kept AS (
        INSERT INTO letters (message_id, recipient, subject, body)
        SELECT id, CAST(:address AS text), NULLIF(CAST(:subject AS text), ''), :text
        FROM reserved WHERE CAST(:text AS text) IS NOT NULL
        ON CONFLICT (message_id) DO UPDATE SET
            recipient = excluded.recipient, subject = excluded.subject, body = excluded.body,
            kept_at = clock_timestamp(), erased_at = NULL
    )
    SELECT t.settled, t.success_pending, t.over_budget, t.elsewhere, t.suppressed, t.spoken_of_at,
        r.id AS reserved_id, r.reserved_at AS taken_at,
        m.id, m.status, m.provider_id, m.reserved_at, m.body_digest, m.occurred_at, m.reason,
        m.begun_at, m.merged_into, COALESCE(m.requested_at, (
            SELECT o.requested_at FROM messages o WHERE o.id = m.merged_into)) AS requested_at,
        m.reserved_at < statement_timestamp() - CAST(:patience AS interval) AS stale,
        (SELECT g.invoice_ids FROM told_together g WHERE g.message_id = m.id) AS together_with
    FROM target t
    LEFT JOIN reserved r ON true
    LEFT JOIN messages m
        ON m.case_id = t.case_id AND m.step = :step AND m.channel = :channel
        AND m.status <> 'planned'
""")
JOIN = text("""
    UPDATE messages m SET
        status = 'reserved', merged_into = :message_id, begun_at = CAST(:now AS timestamptz),
        reserved_at = statement_timestamp(), body_digest = :body_digest, reason = NULL,
        updated_at = clock_timestamp()
    FROM cases c JOIN invoices i ON i.id = c.invoice_id, cases oc JOIN invoices oi
        ON oi.id = oc.invoice_id
    WHERE m.id = ANY (CAST(:companions AS text[])) AND m.case_id = c.id
    AND oc.workflow_id = :workflow_id AND oi.customer_id = i.customer_id
    AND m.status = 'planned' AND m.joins AND c.state = 'waiting'
    AND i.status = 'open' AND i.differs_at IS NULL
    AND NOT EXISTS (SELECT FROM standing_successes s WHERE s.invoice_id = i.id)
    AND NOT EXISTS (
        SELECT FROM messages b WHERE b.case_id = m.case_id
        AND b.status IN ('reserved', 'sent', 'unknown')
        AND (b.step = m.step
            OR b.begun_at > CAST(:now AS timestamptz) - CAST(:spacing AS interval)))
""")
COMPANIONS = text("""
    SELECT m.id AS message_id, c.invoice_id, c.policy_digest, c.next_at, (
        SELECT max(b.begun_at) FROM messages b
        WHERE b.case_id = c.id AND b.status IN ('reserved', 'sent', 'unknown')
    ) AS last_at
    FROM cases oc JOIN invoices oi ON oi.id = oc.invoice_id
    JOIN invoices i ON i.customer_id = oi.customer_id AND i.id <> oi.id
    JOIN cases c ON c.invoice_id = i.id
    JOIN messages m ON m.case_id = c.id AND m.step = c.next_step
    WHERE oc.workflow_id = :workflow_id
    AND i.status = 'open' AND i.differs_at IS NULL
    AND c.state = 'waiting' AND c.next_at <= CAST(:until AS timestamptz)
    AND m.channel = :channel AND m.status = 'planned' AND m.joins
    ORDER BY c.next_at, c.id LIMIT :most
""")
# A case that closed meanwhile sends nothing any more, but its receipt or of its service.
RELEASE = text("""
    UPDATE messages m SET
        status = CASE WHEN c.closed_at IS NULL OR NOT m.counts THEN 'planned' ELSE 'skipped' END,
        reason = CASE WHEN c.closed_at IS NULL OR NOT m.counts THEN m.reason ELSE :closed END,
        merged_into = NULL, begun_at = NULL, reserved_at = NULL, requested_at = NULL,
        body_digest = NULL, updated_at = clock_timestamp()
    FROM cases c
    WHERE (m.id = :id OR m.merged_into = :id) AND m.status = 'reserved' AND c.id = m.case_id
""")
# What was reserved and never requested, and with it the message that speaks of it too. Whoever
# holds that still, and only slept, finds it gone.
TAKE_BACK = text("""
    UPDATE messages o SET reserved_at = NULL
    FROM messages m
    WHERE m.id = :id AND m.status = 'reserved' AND m.reserved_at = :reserved_at
    AND o.id = COALESCE(m.merged_into, m.id) AND o.status = 'reserved' AND o.requested_at IS NULL
    RETURNING o.id
""")
REQUEST = text("""
    UPDATE messages SET requested_at = clock_timestamp()
    WHERE id = :id AND status = 'reserved' AND reserved_at = :reserved_at AND requested_at IS NULL
""")
# What an operator found out at the vendor. The rows of a message about several invoices go along.
RESOLVE = text("""
    UPDATE messages m SET
        status = CASE
            WHEN :sent THEN 'sent'
            WHEN c.closed_at IS NULL OR NOT m.counts THEN 'planned'
            ELSE 'skipped' END,
        reason = CASE
            WHEN NOT :sent AND c.closed_at IS NOT NULL AND m.counts THEN CAST(:closed AS text) END,
        merged_into = CASE WHEN :sent THEN m.merged_into END,
        begun_at = CASE WHEN :sent THEN m.begun_at END,
        reserved_at = CASE WHEN :sent THEN m.reserved_at END,
        requested_at = CASE WHEN :sent THEN m.requested_at END,
        body_digest = CASE WHEN :sent THEN m.body_digest END,
        updated_at = clock_timestamp()
    FROM cases c
    WHERE :carrier IN (m.id, m.merged_into) AND m.status = 'unknown' AND c.id = m.case_id
    RETURNING c.invoice_id, m.step, m.updated_at
""")
UNRESOLVED = text("""
    SELECT m.id, c.invoice_id, m.step, m.channel, m.template, m.requested_at, m.occurred_at,
        m.reason
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE m.status = 'unknown' AND m.merged_into IS NULL
    ORDER BY m.requested_at DESC NULLS LAST, m.id LIMIT :limit
""")
# Of a closed case nobody comes back for a message that was on its way.
GIVE_UP = text("""
    UPDATE messages m SET
        status = CASE WHEN m.requested_at IS NULL THEN 'skipped' ELSE 'unknown' END,
        reason = CASE WHEN m.requested_at IS NULL THEN CAST(:closed AS text) ELSE :reason END,
        occurred_at = COALESCE(m.occurred_at, c.closed_at), updated_at = clock_timestamp()
    FROM cases c
    WHERE m.status = 'reserved' AND m.merged_into IS NULL AND c.id = m.case_id
    AND c.closed_at IS NOT NULL
    AND m.reserved_at < clock_timestamp() - CAST(:patience AS interval)
""")
# Who came along with what was given up: in doubt like that, or still to be told.
FOLLOW = text("""
    UPDATE messages m SET
        status = 'unknown', reason = o.reason, occurred_at = o.occurred_at,
        updated_at = clock_timestamp()
    FROM messages o
    WHERE o.id = m.merged_into AND m.status = 'reserved' AND o.status = 'unknown'
""")
PART = text("""
    UPDATE messages m SET
        status = CASE WHEN c.closed_at IS NULL THEN 'planned' ELSE 'skipped' END,
        reason = CASE WHEN c.closed_at IS NULL THEN m.reason ELSE :closed END,
        occurred_at = c.closed_at,
        merged_into = NULL, begun_at = NULL, reserved_at = NULL, body_digest = NULL,
        updated_at = clock_timestamp()
    FROM messages o, cases c
    WHERE o.id = m.merged_into AND m.status = 'reserved' AND o.status = 'skipped'
    AND c.id = m.case_id
""")
CARRIER = text("SELECT COALESCE(merged_into, id) FROM messages WHERE id = :id")
STATUS = text("SELECT status FROM messages WHERE id = :id")
SENT = text("""
    UPDATE messages SET
        status = 'sent', provider_id = :provider_id, occurred_at = :occurred_at, reason = NULL,
        updated_at = clock_timestamp()
    WHERE (id = :id OR merged_into = :id) AND status IN ('reserved', 'unknown')
""")
REFUSED = text("""
    UPDATE messages SET
        status = 'refused', reason = :reason, occurred_at = :occurred_at,
        updated_at = clock_timestamp()
    WHERE (id = :id OR merged_into = :id) AND status IN ('reserved', 'unknown')
""")
UNKNOWN = text("""
    UPDATE messages SET
        status = 'unknown', reason = :reason, occurred_at = :occurred_at,
        updated_at = clock_timestamp()
    WHERE (id = :id OR merged_into = :id) AND status = 'reserved'
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
OF_STEP = text("""
    SELECT m.id, m.channel, m.status, m.provider_id, m.reserved_at, m.body_digest, m.occurred_at,
        m.reason, m.begun_at, m.merged_into, COALESCE(m.requested_at, (
            SELECT o.requested_at FROM messages o WHERE o.id = m.merged_into)) AS requested_at,
        m.reserved_at < statement_timestamp() - CAST(:patience AS interval) AS stale,
        (SELECT g.invoice_ids FROM told_together g WHERE g.message_id = m.id) AS together_with
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE c.workflow_id = :workflow_id AND m.step = :step
""")
MESSAGES = text("""
    SELECT m.id, m.step, m.channel, m.template, m.status, m.reason, m.provider_id, m.due_at,
        m.reserved_at, m.occurred_at, m.updated_at, m.merged_into,
        m.delivery, m.delivery_code, m.delivery_at,
        (SELECT g.invoice_ids FROM told_together g WHERE g.message_id = m.id) AS together_with
    FROM messages m JOIN cases c ON c.id = m.case_id
    WHERE c.workflow_id = :workflow_id ORDER BY m.due_at, m.step, m.channel
""")
