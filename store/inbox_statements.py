"""With which statements does the inbox work? Each is one round trip for a whole batch."""

from __future__ import annotations

from sqlalchemy import text

# `n` is the place in the batch; the order keeps concurrent batches from waiting in a circle.
PUT = text("""
    WITH given AS (
        SELECT DISTINCT ON (source, digest) *
        FROM unnest(
            CAST(:sources AS text[]), CAST(:names AS text[]), CAST(:digests AS bytea[]),
            CAST(:bodies AS bytea[]), CAST(:transaction_ids AS text[]), CAST(:keys AS text[]),
            CAST(:old_cards AS text[]), CAST(:statuses AS text[]), CAST(:notes AS text[])
        ) WITH ORDINALITY AS g (
            source, name, digest, body, transaction_id, idempotency_key, old_card, status, note, n)
        ORDER BY source, digest, n
    ), stored AS (
        INSERT INTO events (
            source, name, digest, body, transaction_id, idempotency_key, old_card, status, note,
            parkings, due_at)
        SELECT
            source, name, digest, body, transaction_id, idempotency_key, old_card, status, note,
            CASE status WHEN 'parked' THEN 1 ELSE 0 END,
            CASE status
                WHEN 'parked' THEN clock_timestamp() + CAST(:first_pause AS interval)
                ELSE clock_timestamp() END
        FROM given
        WHERE name <> 'card.updated' OR NOT EXISTS (
            SELECT FROM events e
            WHERE e.name = 'card.updated' AND e.source = given.source
            AND e.digest = given.digest
            AND e.received_at > clock_timestamp() - interval '48 hours')
        ORDER BY source, digest
        ON CONFLICT (source, digest) WHERE name <> 'card.updated' DO NOTHING
        RETURNING source, digest
    )
    SELECT given.n FROM stored JOIN given USING (source, digest)
""")

# Two deliveries of the same change must not both look before either has written.
LOCK_DIGESTS = text("""
    SELECT pg_advisory_xact_lock(key) FROM (
        SELECT hashtextextended(encode(digest, 'hex'), 48) AS key
        FROM unnest(CAST(:digests AS bytea[])) AS g (digest) ORDER BY key
    ) AS keys
""")

CLAIM = text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM events
        WHERE status IN ('pending', 'parked') AND due_at <= statement_timestamp()
        AND (leased_until IS NULL OR leased_until <= statement_timestamp())
        ORDER BY priority, due_at, id
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE events SET
            leased_until = clock_timestamp() + CAST(:lease AS interval),
            attempts = attempts + 1, woken = false
        FROM due WHERE events.id = due.id
        RETURNING events.*
    )
    SELECT id, source, name, body, transaction_id, idempotency_key, old_card, attempts, received_at
    FROM claimed ORDER BY priority, due_at, id
""")

FINISH = text("""
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:invoice_ids AS text[]), CAST(:notes AS text[])
        ) AS g (id, invoice_id, note)
    ), held AS (
        SELECT id FROM events WHERE id = ANY (CAST(:ids AS bigint[]))
        AND status IN ('pending', 'parked') ORDER BY id FOR UPDATE
    )
    UPDATE events SET
        status = 'done', done_at = clock_timestamp(), leased_until = NULL,
        invoice_id = given.invoice_id, note = given.note
    FROM given JOIN held USING (id) WHERE events.id = given.id
""")

PARK = text("""
    WITH held AS (
        SELECT id FROM events WHERE id = ANY (CAST(:ids AS bigint[]))
        AND status IN ('pending', 'parked') ORDER BY id FOR UPDATE
    )
    UPDATE events SET
        status = 'parked', note = :reason, leased_until = NULL, parkings = parkings + 1,
        due_at = CASE WHEN woken THEN clock_timestamp() ELSE clock_timestamp() + (
            CAST(:pauses AS interval[]))[LEAST(parkings + 1, :last_pause)] END
    FROM held WHERE events.id = held.id
""")

RETRY = text("""
    WITH held AS (
        SELECT id FROM events WHERE id = ANY (CAST(:ids AS bigint[]))
        AND status IN ('pending', 'parked') ORDER BY id FOR UPDATE
    )
    UPDATE events SET
        status = 'pending', note = :reason, leased_until = NULL,
        due_at = clock_timestamp() + CAST(:after AS interval)
    FROM held WHERE events.id = held.id
""")

WAKE = text("""
    WITH mentioned AS (
        SELECT id FROM events
        WHERE status IN ('pending', 'parked') AND (
            transaction_id = ANY (CAST(:transaction_ids AS text[]))
            OR idempotency_key = ANY (CAST(:keys AS text[]))
            OR old_card = ANY (CAST(:cards AS text[])))
        ORDER BY id FOR UPDATE
    )
    UPDATE events SET
        woken = true,
        due_at = CASE status WHEN 'parked' THEN LEAST(due_at, clock_timestamp()) ELSE due_at END
    FROM mentioned WHERE events.id = mentioned.id
""")

OLDEST = text("""
    SELECT CAST(extract(epoch FROM statement_timestamp() - min(due_at)) AS double precision)
    FROM events WHERE status IN ('pending', 'parked') AND due_at <= statement_timestamp()
""")

COUNTS = text("SELECT status, count(*) AS events FROM events GROUP BY status")

PENDING_SUCCESS = text("""
    SELECT DISTINCT ON (event_id) body FROM standing_successes
    WHERE invoice_id = :invoice_id ORDER BY event_id
""")

FIND = text("""
    SELECT id, source, name, transaction_id, idempotency_key, status, note, attempts, due_at,
        invoice_id, received_at, done_at
    FROM events
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
    AND (CAST(:name AS text) IS NULL OR name = :name)
    AND (NOT CAST(:unmatched AS boolean) OR (status = 'parked' AND invoice_id IS NULL))
    AND (CAST(:before_id AS bigint) IS NULL OR id < :before_id)
    ORDER BY id DESC LIMIT :limit
""")

GET = text("""
    SELECT id, source, name, transaction_id, idempotency_key, status, note, attempts, due_at,
        invoice_id, received_at, done_at, body
    FROM events WHERE id = :id
""")
