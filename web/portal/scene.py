"""Which page was asked for, and what may be done on it now?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dunning.directory import Invoice, InvoiceStatus
from dunning.pay_page import PayPage
from dunning.states import State
from store.cases import CaseRecord
from store.pay_pages import PageRecord
from web.promises import CaseClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One page; its address ends with `token`, and `rules` are those of the case's policy."""

    record: PageRecord
    rules: PayPage
    token: str
    link_id: str

    @property
    def invoice(self) -> Invoice:
        """What is owed."""
        return self.record.invoice

    @property
    def case(self) -> CaseRecord | None:
        """The latest case of the invoice."""
        return self.record.case

    @property
    def owed(self) -> bool:
        """Whether anything is left to be paid."""
        return self.invoice.status is InvoiceStatus.OPEN and self.invoice.amount.minor > 0

    @property
    def trying(self) -> bool:
        """Whether a card is being charged, so that paying now might be paying twice."""
        return self.owed and self.case is not None and self.case.state is State.RETRYING


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`of` gives those of the policy with a digest, or of the one in force."""

    of: Callable[[str | None], Awaitable[PayPage]]
    clock: CaseClock

    async def scene(self, record: PageRecord, token: str, link_id: str) -> Scene | None:
        """The page behind a link; None once the link has expired, by the clock of the case."""
        case = record.case
        rules = await self.of(None if case is None else case.policy_digest)
        if case is not None and case.closed_at is not None:
            now = await self.clock.for_case(case.workflow_id)
            if now > case.closed_at + rules.link_life:
                return None
        return Scene(record=record, rules=rules, token=token, link_id=link_id)
