"""Which cases were there, with which facts, and what put an end to them?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.states import Cause, Outcome
from store import invoices
from store.digest import address_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.directory import Contact, Invoice
    from store.database import Database

_PAGE = 2000
_ENDED_BY_OTHERS = (Outcome.RECOVERED, Outcome.CANCELLED)
# A review whose deadline passed undecided closed the case by itself: that was the old policy.
_FIND = text("""
    SELECT i.*, u.name, u.email, u.phone, u.locale, u.timezone, u.country, u.sms_consent_at,
        u.tags, u.value_tier, u.excluded_at,
        ARRAY(
            SELECT t.token FROM push_tokens t WHERE t.customer_id = u.id
            ORDER BY t.seen_at DESC, t.token
        ) AS push_tokens,
        c.id AS case_id, c.cycle, c.advice, c.decline_code, c.opened_at, c.closed_at, c.outcome,
        c.cause, c.paid_after_close_at,
        (SELECT r.decision IS NULL AND r.deadline <= c.closed_at FROM reviews r
         WHERE r.case_id = c.id ORDER BY r.id DESC LIMIT 1) IS TRUE AS timed_out,
        (SELECT n.opened_at FROM cases n
         WHERE n.invoice_id = c.invoice_id AND n.cycle = c.cycle + 1) AS reopened_at
    FROM cases c JOIN invoices i ON i.id = c.invoice_id JOIN customers u ON u.id = i.customer_id
    WHERE c.opened_at >= :since AND c.advice IS NOT NULL AND c.id > :after
    ORDER BY c.id LIMIT :page
""")
_CLOSED_CHANNELS = text("""
    SELECT channel, address_digest, reason, created_at FROM suppressions
    WHERE address_digest = ANY (CAST(:digests AS text[])) AND lifted_at IS NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What ended a case from outside: money, the merchant, or a person's decision."""

    at: datetime
    outcome: Outcome
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedChannel:
    """An address that may not be written to, and since when."""

    channel: Channel
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCase:
    """A case as it began, and what ended it. Invoice and contact are as they are known today.

    `ended` is None where only time did, or nothing yet: that was up to the policy.
    """

    invoice: Invoice
    cycle: int
    advice: Advice
    opened_at: datetime
    decline_code: str | None = None
    ended: Ending | None = None
    closed_channels: tuple[ClosedChannel, ...] = ()


class PastCases:
    """Reads them back."""

    def __init__(self, database: Database, token_key: bytes) -> None:
        self._database = database
        self._token_key = token_key

    async def opened_since(self, since: datetime) -> list[PastCase]:
        """All cases that were opened from that instant on, the oldest first."""
        cases: list[PastCase] = []
        values = {"since": since, "after": 0, "page": _PAGE}
        async with self._database.single() as connection:
            while True:
                rows = list(await connection.execute(_FIND, values))
                cases += await self._with_closed_channels(connection, [_of_row(r) for r in rows])
                if len(rows) < _PAGE:
                    return cases
                values["after"] = rows[-1].case_id

    async def _with_closed_channels(
        self, connection: AsyncConnection, cases: Sequence[PastCase]
    ) -> list[PastCase]:
        digests = [self._digests(case.invoice.contact) for case in cases]
        asked = sorted({digest for known in digests for digest in known.values()})
        rows = await connection.execute(_CLOSED_CHANNELS, {"digests": asked})
        closed = {
            (row.channel, row.address_digest): ClosedChannel(
                channel=Channel(row.channel), reason=row.reason, since=row.created_at
            )
            for row in rows
        }
        return [
            replace(case, closed_channels=_known(closed, of_case))
            for case, of_case in zip(cases, digests, strict=True)
        ]

    def _digests(self, contact: Contact) -> Mapping[str, str]:
        addresses = {
            Channel.EMAIL: contact.email,
            Channel.SMS: contact.phone,
            Channel.PUSH: contact.customer_id,
        }
        key = self._token_key
        return {c: address_digest(key, known) for c, known in addresses.items() if known}


def _known(
    closed: Mapping[tuple[str, str], ClosedChannel], digests: Mapping[str, str]
) -> tuple[ClosedChannel, ...]:
    found = (closed.get((channel, digest)) for channel, digest in digests.items())
    return tuple(one for one in found if one is not None)


def _of_row(row: Row[Any]) -> PastCase:
    return PastCase(
        invoice=invoices.of_row(row),
        cycle=row.cycle,
        advice=Advice(row.advice),
        decline_code=row.decline_code,
        opened_at=row.opened_at,
        ended=min(_endings(row), key=lambda ending: ending.at, default=None),
    )


def _endings(row: Row[Any]) -> list[Ending]:
    """Everything that would have ended the case, whatever the policy."""
    found: list[Ending] = []
    if row.outcome is not None:
        outcome = Outcome(row.outcome)
        if outcome in _ENDED_BY_OTHERS or not row.timed_out:
            cause = None if row.cause is None else Cause(row.cause)
            found.append(Ending(at=row.closed_at, outcome=outcome, cause=cause))
    if row.paid_after_close_at is not None:
        cause = Cause(row.paid_cause or Cause.PAID_ELSEWHERE)
        found.append(Ending(at=row.paid_after_close_at, outcome=Outcome.RECOVERED, cause=cause))
    if row.voided_at is not None and row.outcome is not None:
        found.append(Ending(at=row.voided_at, outcome=Outcome.CANCELLED))
    if row.reopened_at is not None:
        found.append(Ending(at=row.reopened_at, outcome=Outcome.STOPPED))
    return found
