"""Of which other invoices of the customer may one message speak too?

Two failed payments of one customer are one message where their steps meet. Each companion is
looked at like the invoice itself: afresh, and settled first when its money has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from activities.attempt import Attempt
from activities.confirming import confirmed
from activities.policies import Policies
from activities.truth import Truth, settled
from activities.zones import whereabouts
from dunning.directory import Contact
from dunning.events import NudgeResult, Sent
from dunning.notice import Line
from dunning.policy import Policy
from dunning.steps import Step
from dunning.windows import fitting, is_open
from messages.links import PayLinks
from store.ledger import Ledger
from store.reservations import Companion

# The template of a message about several invoices.
SEVERAL = "several"
_MOST = 9
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Other invoices that a message speaks of, and their messages in the ledger."""

    lines: tuple[Line, ...] = ()
    message_ids: tuple[str, ...] = ()

    def wording(self, step: Step) -> Step:
        """The step in the words that fit the number of invoices."""
        return replace(step, template=SEVERAL) if self.lines else step

    def named_in(self, result: NudgeResult) -> NudgeResult:
        """The result of the message, which says whom it stands for."""
        if not isinstance(result, Sent):
            return result
        return replace(result, together_with=tuple(line.invoice_id for line in self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Finds companions."""

    truth: Truth
    policies: Policies
    ledger: Ledger
    links: PayLinks

    async def of(self, attempt: Attempt, contact: Contact, policy: Policy) -> Company:
        """The company of one message; none for all but plain reminders."""
        if policy.merge_within == _NONE or not attempt.case.joins(attempt.step):
            return Company()
        near = await self.ledger.companions(
            attempt.case.workflow_id,
            attempt.step.channel,
            until=attempt.now + policy.merge_within,
            most=_MOST,
        )
        found = [(one, await self._line(one, attempt, contact)) for one in near]
        return _company([(one, line) for one, line in found if line is not None])

    async def _line(self, one: Companion, attempt: Attempt, contact: Contact) -> Line | None:
        if not await self._fits(one, attempt, contact):
            return None
        standing = await self.truth.of(one.invoice_id, attempt.now)
        invoice = standing.invoice
        same = invoice.contact.customer_id == contact.customer_id
        owed = settled(standing) is None and not standing.amount_differs
        _, policy = await self.policies.pin(one.policy_digest)
        if not (same and owed and confirmed(standing, policy, attempt.now)):
            return None
        return Line(
            invoice_id=invoice.id,
            amount=invoice.amount,
            pay_url=self.links.url(invoice.link_id),
            description=invoice.description,
        )

    async def _fits(self, one: Companion, attempt: Attempt, contact: Contact) -> bool:
        """Whether the policy that the other case runs under lets it send now (R8, R9)."""
        _, policy = await self.policies.pin(one.policy_digest)
        near = one.next_at - attempt.now <= policy.merge_within != _NONE
        spaced = one.last_at is None or one.last_at + policy.spacing <= attempt.now
        return near and spaced and _open(contact, policy, attempt)


def _open(contact: Contact, policy: Policy, attempt: Attempt) -> bool:
    channel = attempt.step.channel
    anywhere = whereabouts(contact, policy.account.timezone)
    where = fitting(policy.windows, channel, anywhere, attempt.now)
    return where is not None and is_open(policy.windows, channel, where, attempt.now)


def _company(found: Sequence[tuple[Companion, Line]]) -> Company:
    return Company(
        lines=tuple(line for _, line in found),
        message_ids=tuple(one.message_id for one, _ in found),
    )
