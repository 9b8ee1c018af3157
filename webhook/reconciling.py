"""What did we miss of Revtain's events since an instant? Everything still open is asked about."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from dunning.errors import ProviderMisconfiguredError, ProviderUnavailableError
from store.questions import Question, Questions
from webhook.asking import Asking, Finding

_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What came of it. `not_asked` are those left when Revtain could not be asked any more."""

    asked: int
    successes: int
    failures: int
    nothing_new: int
    still_open: int
    unknown_to_revtain: int
    refused: int
    not_asked: int = 0
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Asks about each payment that is owed and had no last word; a second time changes nothing."""

    asking: Asking
    questions: Questions
    pauses: tuple[float, ...]

    async def count(self, since: datetime, began: datetime) -> int:
        """How many there are to ask about."""
        return await self.questions.count_missed(since=since, began=began)

    async def run(
        self,
        since: datetime,
        began: datetime,
        *,
        keep: bool = True,
        step: Callable[[], Awaitable[None]] | None = None,
    ) -> Reconciled:
        """Ask about all that was not asked since `began`, so that it can be taken up again.

        `step` is told after each question. ProviderMisconfiguredError when our key is refused.
        """
        found: Counter[Finding] = Counter()
        fault: str | None = None
        try:
            async for question in self._missed(since, began):
                found[await self._persistently(question, keep=keep)] += 1
                if step is not None:
                    await step()
        except ProviderMisconfiguredError:
            raise
        except ProviderUnavailableError as away:
            fault = str(away)
        left = await self.count(since, began) if fault and keep else 0
        return _summary(found, fault, left)

    async def _missed(self, since: datetime, began: datetime) -> AsyncGenerator[Question]:
        after: Question | None = None
        while page := await self.questions.missed(
            since=since, began=began, after=after, limit=_PAGE
        ):
            for question in page:
                yield question
            after = page[-1]

    async def _persistently(self, question: Question, *, keep: bool) -> Finding:
        """A moment without an answer does not end what may take hours."""
        for pause in self.pauses:
            try:
                return await self.asking.ask(question, keep=keep)
            except ProviderMisconfiguredError:
                raise
            except ProviderUnavailableError:
                await asyncio.sleep(pause)
        return await self.asking.ask(question, keep=keep)


def _summary(found: Counter[Finding], fault: str | None, left: int) -> Reconciled:
    return Reconciled(
        asked=found.total() - found[Finding.TAKEN],
        successes=found[Finding.SUCCESS],
        failures=found[Finding.FAILURE],
        nothing_new=found[Finding.NOTHING_NEW],
        still_open=found[Finding.OPEN],
        unknown_to_revtain=found[Finding.MISSING],
        refused=found[Finding.REFUSED],
        not_asked=left,
        fault=fault,
    )
