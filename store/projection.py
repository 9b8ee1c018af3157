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

# A close and a settlement of the same invoice wait for each other, so that one sees the other.
_LOCK_INVOICE = text("""
    SELECT FROM invoices i JOIN cases c ON c.invoice_id = i.id
    WHERE c.workflow_id = :workflow_id FOR SHARE OF i
""")
_WRITE = text("""
    UPDATE cases SET
        version = :version, state = :state, advice = :advice, decline_code = :decline_code,
        campaign = :campaign, policy_digest = :policy_digest, outcome = :outcome, cause = :cause,
        review_reason = :review_reason, review_round = :review_round, next_step = :next_step,
        next_at = :next_at, closed_at = :closed_at, updated_at = clock_timestamp(),
        paid_after_close_at = COALESCE(paid_after_close_at, (
            SELECT GREATEST(i.paid_at, CAST(:closed_at AS timestamptz)) FROM invoices i
            WHERE i.id = cases.invoice_id AND i.status = 'paid'
            AND CAST(:closed_at AS timestamptz) IS NOT NULL
            AND CAST(:outcome AS text) <> 'recovered'))
    WHERE workflow_id = :workflow_id AND version < :version
    RETURNING id, owner
""")
_WRITE_STEPS = text("""
    INSERT INTO messages (
        id, case_id, step, channel, template, status, reason, due_at, occurred_at)
    SELECT id, CAST(:case_id AS bigint), step, channel, template, status, reason, due_at, at
    FROM unnest(
        CAST(:ids AS text[]), CAST(:steps AS text[]), CAST(:channels AS text[]),
        CAST(:templates AS text[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]),
        CAST(:dues AS timestamptz[]), CAST(:ats AS timestamptz[])
    ) AS g (id, step, channel, template, status, reason, due_at, at)
    ORDER BY step, channel
    ON CONFLICT (case_id, step, channel) DO UPDATE SET
        template = excluded.template, status = excluded.status, reason = excluded.reason,
        due_at = excluded.due_at, occurred_at = excluded.occurred_at,
        updated_at = clock_timestamp()
    WHERE messages.status IN ('planned', 'withheld', 'overtaken', 'skipped')
""")
_DROP_STEPS = text("""
    DELETE FROM messages WHERE case_id = :case_id AND status = 'planned'
    AND NOT EXISTS (
        SELECT FROM unnest(CAST(:steps AS text[]), CAST(:channels AS text[]))
            AS g (step, channel)
        WHERE g.step = messages.step AND g.channel = messages.channel)
""")
_WRITE_REVIEW = text("""
    INSERT INTO reviews (case_id, round, reason, opened_at, deadline, owner)
    VALUES (:case_id, :round, :reason, COALESCE(CAST(:now AS timestamptz), clock_timestamp()),
        :deadline, :owner)
    ON CONFLICT (case_id) WHERE decided_at IS NULL DO UPDATE SET
        reason = excluded.reason, deadline = excluded.deadline
""")
_END_REVIEWS = text("""
    UPDATE reviews SET decided_at = COALESCE(CAST(:now AS timestamptz), clock_timestamp())
    WHERE case_id = :case_id AND decided_at IS NULL
    AND (CAST(:round AS integer) IS NULL OR round <> :round)
""")


async def project(connection: AsyncConnection, view: CaseView, now: datetime | None) -> bool:
    """Write the view within the caller's transaction, unless a later one is there already.

    Messages that the ledger has taken hold of are its own and stay as they are. `now` dates a
    review; without it the database's clock does.
    """
    if view.closed_at is not None:
        await connection.execute(_LOCK_INVOICE, {"workflow_id": view.workflow_id})
    row = (await connection.execute(_WRITE, _case_values(view))).one_or_none()
    if row is None:
        return False
    await _project_steps(connection, row.id, view)
    await _project_review(connection, row.id, row.owner, view, now)
    return True


def _case_values(view: CaseView) -> dict[str, object]:
    return {
        "workflow_id": view.workflow_id,
        "version": view.version,
        "state": view.state,
        "advice": view.advice,
        "decline_code": view.decline_code,
        "campaign": view.campaign,
        "policy_digest": view.policy_digest,
        "outcome": view.outcome,
        "cause": view.cause,
        "review_reason": view.review_reason,
        "review_round": view.review_round,
        "next_step": view.next_step,
        "next_at": view.next_at,
        "closed_at": view.closed_at,
    }


async def _project_steps(connection: AsyncConnection, case_id: int, view: CaseView) -> None:
    ours = [step for step in view.steps if step.status not in _LEDGER_WRITES]
    if ours:
        await connection.execute(_WRITE_STEPS, {"case_id": case_id, **_step_values(ours)})
    values = {
        "case_id": case_id,
        "steps": [step.step for step in view.steps],
        "channels": [step.channel for step in view.steps],
    }
    await connection.execute(_DROP_STEPS, values)


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
    }


async def _project_review(
    connection: AsyncConnection,
    case_id: int,
    owner: str | None,
    view: CaseView,
    now: datetime | None,
) -> None:
    in_review = view.state is State.REVIEW
    current = view.review_round if in_review else None
    ended = {"case_id": case_id, "round": current, "now": now}
    await connection.execute(_END_REVIEWS, ended)
    if not in_review:
        return
    values = {
        "case_id": case_id,
        "round": view.review_round,
        "reason": view.review_reason or "",
        "now": now,
        "deadline": view.next_at,
        "owner": owner,
    }
    await connection.execute(_WRITE_REVIEW, values)
