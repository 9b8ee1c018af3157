"""With which statements are charges kept? The guards of each status stand in their WHERE."""

from __future__ import annotations

from sqlalchemy import text

GET = text("SELECT * FROM charges WHERE key = :key")
# A failure that was heard of is the last word, whatever was answered to the charge itself.
UNSETTLED = text("""
    SELECT * FROM charges c WHERE invoice_id = :invoice_id AND key <> :key
    AND (status = 'requested' OR outcome IN ('queued', 'unknown'))
    AND NOT EXISTS (
        SELECT FROM events e WHERE e.invoice_id = c.invoice_id
        AND e.name IN ('recovery.failed', 'recovery.blocked')
        AND e.transaction_id = COALESCE(c.transaction_id, (
            SELECT k.transaction_id FROM idempotency_keys k WHERE k.key = c.key)))
    ORDER BY planned_at, key
""")
# Whoever charges a card waits for the others who do, so that each sees the one before.
LOCK_CARD = text("SELECT pg_advisory_xact_lock(hashtextextended(:digest, 614))")
REQUESTS = text("""
    SELECT requested_at FROM charges
    WHERE card_digest = :card AND amount = :amount AND currency = :currency AND key <> :key
    AND requested_at > CAST(:since AS timestamptz)
""")
# A card that was new is charged once: what came of it is the answer, however it is asked again.
SAME_CARD = text("""
    SELECT * FROM charges
    WHERE invoice_id = :invoice_id AND card_digest = :card AND key <> :key
    AND purpose = 'new_card' AND outcome IN ('failed', 'blocked')
    ORDER BY answered_at DESC, key LIMIT 1
""")
STANDING = text("""
    SELECT (
        SELECT id FROM cases WHERE invoice_id = :id AND closed_at IS NULL
        ORDER BY cycle DESC LIMIT 1
    ) AS case_id,
    EXISTS (SELECT FROM standing_successes WHERE invoice_id = :id) AS success_pending,
    EXISTS (
        SELECT FROM cases c JOIN recoveries r ON r.key = :key
        WHERE c.invoice_id = :id AND c.closed_at > r.requested_at
    ) AS ended_since
""")
WRITE = text("""
    INSERT INTO charges AS c (
        key, invoice_id, case_id, purpose, card_digest, amount, currency, decline_code, status,
        outcome, reason, planned_at, not_before, requested_at, answered_at)
    VALUES (
        :key, :invoice_id, CAST(:case_id AS bigint), :purpose, CAST(:card AS text), :amount,
        :currency, CAST(:decline_code AS text), :status, CAST(:outcome AS text),
        CAST(:reason AS text), CAST(:now AS timestamptz), CAST(:not_before AS timestamptz),
        CAST(:requested_at AS timestamptz), CAST(:answered_at AS timestamptz))
    ON CONFLICT (key) DO UPDATE SET
        case_id = excluded.case_id, card_digest = excluded.card_digest, amount = excluded.amount,
        currency = excluded.currency, decline_code = excluded.decline_code,
        status = excluded.status, outcome = excluded.outcome, reason = excluded.reason,
        not_before = excluded.not_before, requested_at = excluded.requested_at,
        answered_at = excluded.answered_at
    WHERE c.status <> 'answered'
""")
NAME_KEY = text("""
    INSERT INTO idempotency_keys (key, invoice_id, card_digest)
    VALUES (:key, :invoice_id, CAST(:card AS text))
    ON CONFLICT (key) DO UPDATE SET card_digest = CASE
        WHEN idempotency_keys.transaction_id IS NULL THEN excluded.card_digest
        ELSE idempotency_keys.card_digest END
    WHERE idempotency_keys.invoice_id = excluded.invoice_id
""")
# The request was certainly not taken: it counts for nothing, and may be made again.
RELEASE = text("""
    UPDATE charges SET
        status = 'planned', requested_at = NULL, reason = :reason,
        not_before = CAST(:until AS timestamptz),
        tries = CASE WHEN CAST(:counts AS boolean) THEN tries + 1 ELSE tries END
    WHERE key = :key AND status = 'requested'
    AND requested_at = CAST(:requested_at AS timestamptz)
""")
ANSWER = text("""
    UPDATE charges SET
        status = 'answered', outcome = :outcome, answered_code = CAST(:code AS text),
        advice = CAST(:advice AS text), reason = CAST(:reason AS text), tries = 0,
        not_before = NULL, answered_at = CAST(:now AS timestamptz),
        amount = COALESCE(CAST(:amount AS bigint), amount),
        currency = COALESCE(CAST(:currency AS text), currency),
        transaction_id = COALESCE(CAST(:transaction_id AS text), transaction_id)
    WHERE key = :key AND (status <> 'answered' OR outcome IN ('queued', 'unknown'))
    RETURNING *
""")
# Success is final, whatever was told before it or after.
TOLD = text("""
    SELECT DISTINCT ON (c.key) c.key, e.name, e.body, e.transaction_id
    FROM charges c JOIN events e ON e.invoice_id = c.invoice_id AND e.status = 'done'
    AND e.name IN ('recovery.success', 'recovery.failed', 'recovery.blocked')
    AND (e.idempotency_key = c.key OR e.transaction_id = COALESCE(c.transaction_id, (
        SELECT k.transaction_id FROM idempotency_keys k WHERE k.key = c.key)))
    WHERE c.outcome IN ('queued', 'unknown')
    AND c.invoice_id = COALESCE(CAST(:invoice_id AS text), c.invoice_id)
    ORDER BY c.key, e.name = 'recovery.success' DESC, e.id DESC
    LIMIT :limit
""")
