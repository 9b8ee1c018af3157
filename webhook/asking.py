"""How is Revtain asked about one payment, and how does the answer reach its case?

Through the inbox, as if Revtain had sent the event: a webhook that comes later changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prometheus_client import Counter

from dunning.errors import ProviderError, ProviderRejectedError
from dunning.ports import CallLimit, RecoverySource
from dunning.recovery import ASKED_SOURCE, LastAnswer, RecoveryAnswer, RecoveryStatus, is_news
from store.inbox import Inbox, NewEvent
from store.questions import Kind, Question, Questions

_ASKED = Counter("dunning_revtain_questions_total", "Questions to Revtain by answer", ["answer"])
# For longer than that nobody waits with a question in hand.
_PATIENCE = timedelta(minutes=2)


class Finding(StrEnum):
    """What came of a question."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING_NEW = "nothing_new"
    OPEN = "open"
    MISSING = "missing"
    REFUSED = "refused"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Asks, keeps within the limit, and hands news to the dispatcher."""

    source: RecoverySource
    limit: CallLimit
    questions: Questions
    inbox: Inbox
    arrived: asyncio.Event
    now: Callable[[], datetime]

    async def ask(self, question: Question, *, keep: bool = True) -> Finding:
        """Ask one question. Without `keep` nothing is written but that a call was made.

        Raise ProviderUnavailableError when Revtain cannot be asked now; nothing is lost then.
        """
        async with self.limit.calling(_PATIENCE):
            if keep and not await self.questions.claim(question):
                return Finding.TAKEN
            try:
                return await self._asked(question, keep=keep)
            except ProviderError:
                if keep:
                    await self.questions.release(question)
                raise

    async def _asked(self, question: Question, *, keep: bool) -> Finding:
        try:
            answer = await self._call(question)
        except ProviderRejectedError:
            return await self._without_answer(question, LastAnswer.REFUSED, keep=keep)
        if answer is None:
            return await self._without_answer(question, LastAnswer.MISSING, keep=keep)
        finding = await self._told(question, answer, keep=keep)
        if keep:
            await self.questions.answered(question, LastAnswer(answer.status), self.now())
        _ASKED.labels(answer.status).inc()
        return finding

    async def _call(self, question: Question) -> RecoveryAnswer | None:
        if question.kind is Kind.KEY:
            return await self.source.by_key(question.reference)
        return await self.source.by_transaction(question.reference)

    async def _without_answer(self, question: Question, why: LastAnswer, *, keep: bool) -> Finding:
        if keep:
            await self.questions.answered(question, why, self.now())
        _ASKED.labels(why).inc()
        return Finding(why)

    async def _told(self, question: Question, answer: RecoveryAnswer, *, keep: bool) -> Finding:
        known = question.kind is Kind.KEY and await self._known(question, answer, keep=keep)
        if answer.status is RecoveryStatus.UNKNOWN:
            return Finding.OPEN
        # A transaction that was known anyway is asked about by itself.
        if known or not is_news(
            answer, state=question.state, told=question.told, last=question.last
        ):
            return Finding.NOTHING_NEW
        new = not keep or await self._store(answer)
        if answer.status is RecoveryStatus.SUCCEEDED:
            return Finding.SUCCESS if new else Finding.NOTHING_NEW
        return Finding.FAILURE if new and not question.told else Finding.NOTHING_NEW

    async def _known(self, question: Question, answer: RecoveryAnswer, *, keep: bool) -> bool:
        if keep:
            return not await self.questions.learn(question.reference, answer.transaction_id)
        return await self.questions.knows(answer.transaction_id)

    async def _store(self, answer: RecoveryAnswer) -> bool:
        row = NewEvent(
            source=ASKED_SOURCE,
            name=answer.name,
            body=answer.body,
            transaction_id=answer.transaction_id,
        )
        (stored,) = await self.inbox.put_many([row])
        if stored:
            self.arrived.set()
        return stored
