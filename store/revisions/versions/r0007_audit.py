"""What does revision 0007 change? What happens to a case is kept for good, chained by hash.

Triggers write the chain, so nothing that changes a case can forget to. They are deferred to the end
of the transaction, because a chain has one writer at a time: whoever appends holds the head of the
case until it commits. So a head is always the last lock that is taken, and nobody who holds one
waits for a row that somebody else holds who waits for a head. A transaction that touches the
messages of several cases notes them first and takes all their heads at once, in the order of their
ids; so two such transactions cannot wait for each other either. All else that is recorded touches
one case a transaction. What hangs on the audit itself may wait for nobody who waits for a head.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id bigint NOT NULL REFERENCES cases,
        seq integer NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text NOT NULL CHECK (kind ~ '^[a-z_]+[.][a-z_]+$'),
        detail jsonb NOT NULL,
        previous bytea,
        hash bytea NOT NULL,
        UNIQUE (case_id, seq),
        CHECK ((seq = 1) = (previous IS NULL))
    )
    """,
    "COMMENT ON TABLE audit IS 'append-only: what happened to each case; no personal data'",
    "COMMENT ON COLUMN audit.hash IS 'SHA-256 of the previous hash and the canonical text'",
    "COMMENT ON COLUMN audit.detail IS 'ids, our words and instants; `at` is the time of the case'",
    """
    CREATE TABLE audit_heads (
        case_id bigint PRIMARY KEY REFERENCES cases,
        seq integer NOT NULL,
        hash bytea NOT NULL
    )
    """,
    "COMMENT ON TABLE audit_heads IS 'the latest entry of each chain; its lock is the last taken'",
    "CREATE INDEX events_by_invoice ON events (invoice_id) WHERE invoice_id IS NOT NULL",
    "ALTER TABLE cases ADD COLUMN viewed_at timestamptz",
    "COMMENT ON COLUMN cases.viewed_at IS 'time of the case when it was as it is shown'",
)

_APPENDING = (
    """
    CREATE FUNCTION audit_moment(moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    $$
    """,
    """
    CREATE FUNCTION audit_append(of_case bigint, what text, told jsonb) RETURNS integer
    LANGUAGE plpgsql AS $$
    DECLARE
        company text := current_setting('dunning.audit_company', true);
        kept jsonb := jsonb_strip_nulls(told);
        last audit_heads;
        entry integer;
        moment timestamptz;
        sealed bytea;
    BEGIN
        IF company <> '' THEN
            PERFORM set_config('dunning.audit_company', '', true);
            PERFORM FROM audit_heads
            WHERE case_id = ANY (string_to_array(company, ',')::bigint[])
            ORDER BY case_id FOR UPDATE;
        END IF;
        SELECT * INTO last FROM audit_heads WHERE case_id = of_case FOR UPDATE;
        entry := COALESCE(last.seq, 0) + 1;
        moment := clock_timestamp();
        sealed := sha256(COALESCE(last.hash, '') || convert_to(
            concat_ws(E'\\n', of_case, entry, audit_moment(moment), what, kept), 'UTF8'));
        INSERT INTO audit (case_id, seq, at, kind, detail, previous, hash)
        VALUES (of_case, entry, moment, what, kept, last.hash, sealed);
        IF entry = 1 THEN
            INSERT INTO audit_heads VALUES (of_case, entry, sealed);
        ELSE
            UPDATE audit_heads SET seq = entry, hash = sealed WHERE case_id = of_case;
        END IF;
        RETURN entry;
    END
    $$
    """,
    "COMMENT ON FUNCTION audit_append IS 'the number of the entry that was appended to the chain'",
)

_CASES = (
    """
    CREATE FUNCTION audit_case_opened() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.id, 'case.opened', jsonb_build_object(
            'at', audit_moment(NEW.opened_at), 'invoice', NEW.invoice_id, 'cycle', NEW.cycle,
            'workflow', NEW.workflow_id));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_opened AFTER INSERT ON cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_case_opened()
    """,
    """
    CREATE FUNCTION audit_case_moved(before cases, after cases, moment text) RETURNS void
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
            'next_step', after.next_step, 'next_at', audit_moment(after.next_at)));
    END
    $$
    """,
    """
    CREATE FUNCTION audit_channels(before cases, after cases, moment text) RETURNS void
    LANGUAGE plpgsql AS $$
    DECLARE
        one text;
    BEGIN
        FOR one IN
            SELECT split_part(g, ': ', 1) FROM unnest(before.closed_channels) AS g
            EXCEPT SELECT split_part(g, ': ', 1) FROM unnest(after.closed_channels) AS g
            ORDER BY 1
        LOOP
            PERFORM audit_append(after.id, 'channel.opened', jsonb_build_object(
                'at', moment, 'channel', one));
        END LOOP;
        FOR one IN
            SELECT g FROM unnest(after.closed_channels) AS g
            EXCEPT SELECT g FROM unnest(before.closed_channels) AS g ORDER BY 1
        LOOP
            PERFORM audit_append(after.id, 'channel.closed', jsonb_build_object(
                'at', moment, 'channel', split_part(one, ': ', 1),
                'reason', split_part(one, ': ', 2)));
        END LOOP;
    END
    $$
    """,
    """
    CREATE FUNCTION audit_case_changed() RETURNS trigger LANGUAGE plpgsql AS $$
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
    """
    CREATE CONSTRAINT TRIGGER audit_changed AFTER UPDATE ON cases
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        (OLD.state, OLD.campaign, OLD.advice, OLD.decline_code, OLD.policy_digest, OLD.owner,
            OLD.closed_channels, OLD.paid_after_close_at)
        IS DISTINCT FROM
        (NEW.state, NEW.campaign, NEW.advice, NEW.decline_code, NEW.policy_digest, NEW.owner,
            NEW.closed_channels, NEW.paid_after_close_at))
    EXECUTE FUNCTION audit_case_changed()
    """,
)

_DECIDED = "('sent', 'withheld', 'refused', 'unknown', 'overtaken', 'skipped', 'alerted')"
_MESSAGES = (
    """
    CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.case_id, 'message.' || CASE
            WHEN TG_OP = 'INSERT' THEN NEW.status
            WHEN OLD.status = 'unknown' AND NEW.status <> 'unknown' THEN 'settled'
            WHEN NEW.status = 'planned' THEN 'released'
            ELSE NEW.status
        END, jsonb_build_object(
            'at', audit_moment(NEW.occurred_at), 'message', NEW.id, 'step', NEW.step,
            'channel', NEW.channel, 'template', NEW.template, 'status', NEW.status,
            'reason', NEW.reason, 'provider_id', NEW.provider_id,
            'merged_into', NEW.merged_into, 'due_at', audit_moment(NEW.due_at)));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION audit_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.case_id, 'message.' || NEW.delivery, jsonb_build_object(
            'at', audit_moment(NEW.delivery_at), 'message', NEW.id, 'step', NEW.step,
            'channel', NEW.channel, 'code', NEW.delivery_code, 'provider_id', NEW.provider_id));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION audit_company() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM set_config('dunning.audit_company', concat_ws(',',
            NULLIF(current_setting('dunning.audit_company', true), ''), NEW.case_id), true);
        RETURN NULL;
    END
    $$
    """,
    f"""
    CREATE CONSTRAINT TRIGGER audit_decided_at_once AFTER INSERT ON messages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status IN {_DECIDED})
    EXECUTE FUNCTION audit_message()
    """,
    *(
        statement
        for condition, function in (
            (
                f"""
                (NEW.status IN {_DECIDED}
                AND (OLD.status, OLD.reason) IS DISTINCT FROM (NEW.status, NEW.reason))
                OR (OLD.status IN ('reserved', 'unknown') AND NEW.status = 'planned')
                """,
                "audit_message",
            ),
            (
                """
                NEW.delivery NOT IN ('accepted', 'queued', 'processed', 'sent_on')
                AND (OLD.delivery, OLD.delivery_code)
                IS DISTINCT FROM (NEW.delivery, NEW.delivery_code)
                """,
                "audit_delivery",
            ),
        )
        for statement in (
            f"""
            CREATE TRIGGER {function}_company AFTER UPDATE ON messages
            FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION audit_company()
            """,
            f"""
            CREATE CONSTRAINT TRIGGER {function} AFTER UPDATE ON messages
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({condition})
            EXECUTE FUNCTION {function}()
            """,
        )
    ),
)

_PEOPLE = (
    """
    CREATE FUNCTION audit_review() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.case_id, CASE
            WHEN TG_OP = 'INSERT' AND NEW.round = 1 THEN 'review.opened'
            WHEN TG_OP = 'INSERT' THEN 'review.round'
            WHEN NEW.decision IS DISTINCT FROM OLD.decision THEN 'review.decided'
            WHEN NEW.decided_at IS DISTINCT FROM OLD.decided_at THEN 'review.ended'
            ELSE 'review.changed'
        END, jsonb_build_object(
            'review', NEW.id, 'round', NEW.round, 'reason', NEW.reason, 'owner', NEW.owner,
            'deadline', audit_moment(NEW.deadline), 'decision', NEW.decision,
            'at', audit_moment(COALESCE(NEW.decided_at, NEW.opened_at))));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_opened AFTER INSERT ON reviews
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_review()
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_changed AFTER UPDATE ON reviews
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (
        (OLD.reason, OLD.deadline, OLD.decision, OLD.decided_at)
        IS DISTINCT FROM (NEW.reason, NEW.deadline, NEW.decision, NEW.decided_at))
    EXECUTE FUNCTION audit_review()
    """,
    """
    CREATE FUNCTION audit_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM audit_append(NEW.case_id, 'note.added', jsonb_build_object(
            'note', NEW.id, 'author', NEW.author));
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE CONSTRAINT TRIGGER audit_added AFTER INSERT ON notes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_note()
    """,
)

_GUARDS = (
    """
    CREATE FUNCTION audit_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is not possible', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid()
    """,
    """
    CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid()
    """,
    """
    CREATE TRIGGER forwards BEFORE UPDATE ON audit_heads
    FOR EACH ROW WHEN (NEW.case_id <> OLD.case_id OR NEW.seq <> OLD.seq + 1)
    EXECUTE FUNCTION audit_forbid()
    """,
)

BEGIN = """
    SELECT audit_append(id, 'audit.begun', jsonb_build_object(
        'invoice', invoice_id, 'cycle', cycle, 'workflow', workflow_id, 'state', state,
        'outcome', outcome, 'campaign', campaign, 'owner', owner,
        'opened_at', audit_moment(opened_at), 'closed_at', audit_moment(closed_at)))
    FROM cases ORDER BY id
"""


def upgrade() -> None:
    """Add chains, which begin today for the cases that were there before."""
    for statement in (*_TABLES, *_APPENDING, *_CASES, *_MESSAGES, *_PEOPLE, *_GUARDS, BEGIN):
        op.execute(statement)
