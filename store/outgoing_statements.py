"""With which statements do events get to the merchant?"""

from __future__ import annotations

from sqlalchemy import text

# An event waits for an earlier one of the same case and endpoint, and for a place: an endpoint
# that hangs holds its own few places and no others.
CLAIM = text("""
    WITH places AS MATERIALIZED (
        SELECT e.id, CAST(:each AS integer) - (
            SELECT count(*) FROM outgoing b WHERE b.endpoint_id = e.id AND b.status = 'due'
            AND b.leased_until > statement_timestamp()) AS free
        FROM endpoints e
        WHERE e.disabled_at IS NULL
        AND (e.held_until IS NULL OR e.held_until <= statement_timestamp())
    ), due AS MATERIALIZED (
        SELECT o.id FROM places CROSS JOIN LATERAL (
            SELECT d.id FROM outgoing d
            WHERE d.endpoint_id = places.id AND d.status = 'due'
            AND d.due_at <= statement_timestamp()
            AND (d.leased_until IS NULL OR d.leased_until <= statement_timestamp())
            AND NOT EXISTS (
                SELECT FROM outgoing f WHERE f.endpoint_id = d.endpoint_id
                AND f.case_id = d.case_id AND f.status = 'due' AND f.id < d.id)
            ORDER BY d.due_at, d.id LIMIT GREATEST(places.free, 0)
            FOR UPDATE OF d SKIP LOCKED
        ) AS o LIMIT :limit
    ), claimed AS (
        UPDATE outgoing SET
            leased_until = clock_timestamp() + CAST(:lease AS interval), attempts = attempts + 1
        FROM due WHERE outgoing.id = due.id
        RETURNING outgoing.*
    )
    SELECT o.id, o.webhook_id, o.kind, o.attempts, o.endpoint_id, e.url,
        e.salt || CASE WHEN e.earlier_until > clock_timestamp() THEN e.earlier_salts
            ELSE '{}' END AS salts,
        a.at, a.kind AS happening, a.detail, c.invoice_id, c.workflow_id, c.cycle, c.outcome,
        c.cause, (
            SELECT p.detail FROM audit p
            WHERE p.case_id = a.case_id AND p.seq <= a.seq AND p.detail ? 'state'
            ORDER BY p.seq DESC LIMIT 1) AS standing
    FROM claimed o
    JOIN endpoints e ON e.id = o.endpoint_id
    JOIN audit a ON a.id = o.audit_id
    JOIN cases c ON c.id = o.case_id
    ORDER BY o.due_at, o.id
""")

DELIVERED = text("""
    UPDATE outgoing SET
        status = 'delivered', delivered_at = clock_timestamp(), leased_until = NULL,
        last_status = :status, last_fault = NULL
    WHERE id = :id AND status = 'due'
""")

# Not what a later attempt of somebody else, to whom the lease has passed, is still at.
FAILED = text("""
    UPDATE outgoing SET
        status = CASE WHEN CAST(:pause AS interval) IS NULL THEN 'dead' ELSE 'due' END,
        due_at = clock_timestamp() + COALESCE(CAST(:pause AS interval), interval '0'),
        leased_until = NULL, last_status = :status, last_fault = :fault
    WHERE id = :id AND status = 'due' AND attempts = :attempts
""")

# Not an attempt: nothing was posted.
PUT_OFF = text("""
    UPDATE outgoing SET
        due_at = clock_timestamp() + CAST(:pause AS interval), attempts = attempts - 1,
        leased_until = NULL, last_fault = :fault
    WHERE id = ANY (CAST(:ids AS bigint[])) AND status = 'due'
""")

REPLAY = text("""
    UPDATE outgoing o SET
        status = 'due', due_at = clock_timestamp(), attempts = 0, leased_until = NULL,
        delivered_at = NULL
    FROM endpoints e
    WHERE e.id = o.endpoint_id AND e.disabled_at IS NULL
    AND o.webhook_id = ANY (CAST(:ids AS text[]))
    AND (o.leased_until IS NULL OR o.leased_until <= clock_timestamp())
    RETURNING o.webhook_id
""")

REPLAY_DEAD = text("""
    UPDATE outgoing o SET status = 'due', due_at = clock_timestamp(), attempts = 0
    FROM endpoints e
    WHERE e.id = o.endpoint_id AND e.disabled_at IS NULL AND o.status = 'dead'
    AND (CAST(:endpoint_id AS text) IS NULL OR o.endpoint_id = :endpoint_id)
    AND (CAST(:since AS timestamptz) IS NULL OR o.created_at >= :since)
    RETURNING o.webhook_id
""")

FIND = text("""
    SELECT o.id AS place, o.webhook_id AS id, o.kind, c.invoice_id, o.endpoint_id, o.status,
        o.attempts, o.due_at, o.last_status, o.last_fault, a.at, o.delivered_at,
        e.disabled_at IS NOT NULL AS disabled
    FROM outgoing o
    JOIN audit a ON a.id = o.audit_id
    JOIN cases c ON c.id = o.case_id
    JOIN endpoints e ON e.id = o.endpoint_id
    WHERE (CAST(:status AS text) IS NULL OR o.status = :status)
    AND (CAST(:invoice_id AS text) IS NULL OR c.invoice_id = :invoice_id)
    AND (CAST(:webhook_id AS text) IS NULL OR o.webhook_id = :webhook_id)
    AND (CAST(:before AS bigint) IS NULL OR o.id < :before)
    ORDER BY o.id DESC LIMIT :limit
""")

COUNTS = text("SELECT status, count(*) AS events FROM outgoing GROUP BY status")

OLDEST = text("""
    SELECT CAST(extract(epoch FROM statement_timestamp() - min(o.due_at)) AS double precision)
    FROM outgoing o JOIN endpoints e ON e.id = o.endpoint_id
    WHERE o.status = 'due' AND o.due_at <= statement_timestamp() AND e.disabled_at IS NULL
""")

PRUNE = text("""
    DELETE FROM outgoing
    WHERE (status = 'delivered'
        AND delivered_at < clock_timestamp() - CAST(:delivered AS interval))
    OR (status = 'dead' AND due_at < clock_timestamp() - CAST(:dead AS interval))
""")
