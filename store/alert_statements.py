"""With which statements are alerts written down, gathered and told?"""

from __future__ import annotations

from sqlalchemy import text

ADD = text("""
    INSERT INTO alerts (kind, subject, detail, identity)
    VALUES (:kind, :subject, CAST(:detail AS jsonb), :identity)
    ON CONFLICT (kind, identity) DO NOTHING
""")

# Two processes that gather at once would each tell a first one.
LOCK = text("SELECT pg_try_advisory_xact_lock(4021, 10)")

# While nobody has taken the last message of a kind, the next ones wait with it. What happened
# within the window after a message was told goes out together, anything else by itself.
GATHER = text("""
    WITH untold AS (
        SELECT kind, min(id) AS head, min(created_at) AS since FROM alerts
        WHERE told_with IS NULL AND created_at > CAST(:now AS timestamptz) - CAST(:old AS interval)
        GROUP BY kind
    ), lately AS (
        SELECT kind, max(COALESCE(told_at, gathered_at)) AS at,
            bool_or(told_at IS NULL AND owed <> '{}') AS pending
        FROM alerts WHERE told_with = id AND kind IN (SELECT kind FROM untold)
        AND gathered_at > CAST(:now AS timestamptz) - CAST(:old AS interval)
        GROUP BY kind
    ), chosen AS (
        SELECT u.kind, u.head,
            COALESCE(u.since < l.at + CAST(:window AS interval), false) AS together
        FROM untold u LEFT JOIN lately l ON l.kind = u.kind
        WHERE l.kind IS NULL
        OR (NOT l.pending AND l.at + CAST(:window AS interval) <= CAST(:now AS timestamptz))
    )
    UPDATE alerts a SET
        told_with = chosen.head,
        gathered_at = CASE WHEN a.id = chosen.head THEN CAST(:now AS timestamptz) END,
        due_at = CASE WHEN a.id = chosen.head THEN CAST(:now AS timestamptz) END,
        owed = CASE WHEN a.id = chosen.head THEN CAST(:targets AS text[]) ELSE '{}' END
    FROM chosen
    WHERE a.kind = chosen.kind AND a.told_with IS NULL AND (chosen.together OR a.id = chosen.head)
    AND a.created_at > CAST(:now AS timestamptz) - CAST(:old AS interval)
""")

CLAIM = text("""
    UPDATE alerts SET
        due_at = CAST(:now AS timestamptz) + CAST(:lease AS interval), tries = tries + 1
    WHERE id = (
        SELECT id FROM alerts
        WHERE owed <> '{}' AND due_at <= CAST(:now AS timestamptz)
        AND gathered_at > CAST(:now AS timestamptz) - CAST(:old AS interval)
        AND (told_at IS NULL
            OR told_at > CAST(:now AS timestamptz) - CAST(:forgiven AS interval))
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, owed, tries
""")

BUNDLE = text("""
    SELECT subject, detail, count(*) OVER () AS total, min(created_at) OVER () AS since
    FROM alerts WHERE told_with = :head ORDER BY id LIMIT :named
""")

TOLD = text("""
    UPDATE alerts SET told_at = CAST(:now AS timestamptz)
    WHERE told_with = :head AND told_at IS NULL AND CAST(:told AS boolean)
""")

SETTLE = text("""
    UPDATE alerts SET
        owed = ARRAY(
            SELECT unnest(owed) EXCEPT SELECT unnest(CAST(:targets AS text[])) ORDER BY 1),
        due_at = CAST(:again_at AS timestamptz)
    WHERE id = :head
""")

WAITING = text("SELECT count(*) FROM alerts WHERE told_at IS NULL")

FIND = text("""
    SELECT id, kind, subject, detail, created_at, told_at, told_with, owed FROM alerts
    WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (NOT CAST(:untold AS boolean) OR told_at IS NULL)
    ORDER BY id DESC LIMIT :limit
""")
