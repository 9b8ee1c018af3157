"""How does the view of a case become rows that people and lists read?"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.states import State, StepStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.view import CaseView, StepView

_LEDGER_WRITES = (StepStatus.SENT, StepStatus.REFUSED, StepStatus.UNKNOWN)

# A close and a settlement of the same invoice wait for each other, so that one sees the other. A
# close also waits for a view that is written at this moment, so that it sees the rows of that one:
# no other work may be under way beside the one that a close abandons.
_LOCK = text("""
    SELECT FROM invoices i JOIN cases c ON c.invoice_id = i.id
    WHERE c.workflow_id = :workflow_id FOR SHARE OF i FOR NO KEY UPDATE OF c
""")
# One statement, so that the usual case costs one round trip. Its parts see the rows as they were
# before it, and none of them touches a row of another.
_WRITE = text("""
    WITH written AS (
        UPDATE cases SET
            version = :version, state = :state, advice = :advice, decline_code = :decline_code,
            campaign = :campaign, campaign_reason = :campaign_reason,
            policy_digest = :policy_digest, outcome = :outcome, cause = :cause,
            review_reason = :review_reason, review_round = :review_round,
            next_step = :next_step, next_at = :next_at, closed_at = :closed_at,
            closed_channels = CAST(:closed_channels AS text[]),
            promise_day = :promise_day, promise_until = :promise_until,
            promise_status = :promise_status,
            service = :service,
            service_ends_at = :service_ends_at,
            service_status = CASE
                WHEN CAST(:closed_at AS timestamptz) IS NULL OR cases.service_status = 'ended'
                THEN CAST(:service_status AS text)
                WHEN CAST(:service_status AS text) IS NULL THEN NULL
                WHEN cases.service_status = 'kept' OR (
                    SELECT i.status <> 'open' FROM invoices i WHERE i.id = cases.invoice_id)
                THEN 'kept'
                ELSE CAST(:service_status AS text) END,
            updated_at = clock_timestamp(),
            viewed_at = COALESCE(CAST(:viewed_at AS timestamptz), viewed_at),
            paid_after_close_at = COALESCE(paid_after_close_at, (
                SELECT GREATEST(i.paid_at, CAST(:closed_at AS timestamptz)) FROM invoices i
                WHERE i.id = cases.invoice_id AND i.status = 'paid'
                AND CAST(:closed_at AS timestamptz) IS NOT NULL
                AND CAST(:outcome AS text) <> 'recovered'))
        WHERE workflow_id = :workflow_id AND version < :version
        RETURNING id, owner
    ), shown AS (
        INSERT INTO messages (
            id, case_id, step, channel, template, status, reason, due_at, occurred_at, joins)
        SELECT g.id, written.id, step, channel, template, status, reason, due_at, at, joins
        FROM written, unnest(
            CAST(:ids AS text[]), CAST(:steps AS text[]), CAST(:channels AS text[]),
            CAST(:templates AS text[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]),
            CAST(:dues AS timestamptz[]), CAST(:ats AS timestamptz[]), CAST(:joins AS boolean[])
        ) AS g (id, step, channel, template, status, reason, due_at, at, joins)
        ORDER BY step, channel
        ON CONFLICT (case_id, step, channel) DO UPDATE SET
            template = excluded.template, status = excluded.status, reason = excluded.reason,
            due_at = excluded.due_at, occurred_at = excluded.occurred_at,
            joins = excluded.joins, updated_at = clock_timestamp()
        WHERE messages.status IN ('planned', 'withheld', 'overtaken', 'skipped')
    ), dropped AS (
        DELETE FROM messages USING written
        WHERE case_id = written.id AND status = 'planned'
        AND NOT EXISTS (
            SELECT FROM unnest(CAST(:all_steps AS text[]), CAST(:all_channels AS text[]))
                AS g (step, channel)
            WHERE g.step = messages.step AND g.channel = messages.channel)
    ), ended AS (
        UPDATE reviews SET decided_at = COALESCE(CAST(:now AS timestamptz), clock_timestamp())
        FROM written
        WHERE case_id = written.id AND decided_at IS NULL
        AND (CAST(:open_round AS integer) IS NULL OR round <> :open_round)
    )
    SELECT id, owner FROM written
""")
_WRITE_REVIEW = text("""
    INSERT INTO reviews (case_id, round, reason, opened_at, deadline, owner)
    VALUES (:case_id, :round, :reason, COALESCE(CAST(:now AS timestamptz), clock_timestamp()),
        :deadline, :owner)
    ON CONFLICT (case_id) WHERE decided_at IS NULL DO UPDATE SET
        reason = excluded.reason, deadline = excluded.deadline
""")


def one_statement(view: CaseView) -> bool:
    """Whether `project` writes this view by one statement, which needs no transaction around it."""
    return view.closed_at is None and view.state is not State.REVIEW


async def project(connection: AsyncConnection, view: CaseView, now: datetime | None) -> bool:
    """Write the view within the caller's transaction, unless a later one is there already.

    Messages that the ledger has taken hold of are its own and stay as they are. `now` dates a
    review; without it the database's clock does.
    """
    if view.closed_at is not None:
        await connection.execute(_LOCK, {"workflow_id": view.workflow_id})
    row = (await connection.execute(_WRITE, _values(view, now))).one_or_none()
    if row is None:
        return False
    if view.state is State.REVIEW:
        await connection.execute(_WRITE_REVIEW, _review_values(view, row.id, row.owner, now))
    return True


def _values(view: CaseView, now: datetime | None) -> dict[str, object]:
    return {
        **_case_values(view),
        **_step_values([step for step in view.steps if step.status not in _LEDGER_WRITES]),
        "all_steps": [step.step for step in view.steps],
        "all_channels": [step.channel for step in view.steps],
        "open_round": view.review_round if view.state is State.REVIEW else None,
        "now": now,
    }


def _case_values(view: CaseView) -> dict[str, object]:
    return {
        "workflow_id": view.workflow_id,
        "version": view.version,
        "state": view.state,
        "advice": view.advice,
        "decline_code": view.decline_code,
        "campaign": view.campaign,
        "campaign_reason": view.campaign_reason,
        "policy_digest": view.policy_digest,
        "outcome": view.outcome,
        "cause": view.cause,
        "review_reason": view.review_reason,
        "review_round": view.review_round,
        "next_step": view.next_step,
        "next_at": view.next_at,
        "closed_at": view.closed_at,
        "closed_channels": list(view.closed_channels),
        "promise_day": view.promise_day,
        "promise_until": view.promise_until,
        "promise_status": view.promise_status,
        "service": view.service,
        "service_ends_at": view.service_ends_at,
        "service_status": view.service_status,
        "viewed_at": view.at,
    }


def _step_values(steps: Sequence[StepView]) -> dict[str, object]:
    return {
        "ids": [secrets.token_urlsafe(12) for _ in steps],
        "steps": [step.step for step in steps],
        "channels": [step.channel for step in steps],
        "templates": [step.template for step in steps],
        "statuses": [step.status for step in steps],
        "reasons": [step.reason for step in steps],
        "dues": [step.due_at for step in steps],
        "ats": [step.at for step in steps],
        "joins": [step.joins for step in steps],
    }


def _review_values(
    view: CaseView, case_id: int, owner: str | None, now: datetime | None
) -> dict[str, object]:
    return {
        "case_id": case_id,
        "round": view.review_round,
        "reason": view.review_reason or "",
        "now": now,
        "deadline": view.deadline or view.next_at,
        "owner": owner,
    }
