"""What can Revtain be asked over its API, and what is it told?"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

from dunning.errors import OutcomeUnknownError, ProviderError, ProviderUnavailableError
from providers.revtain import declines, execute, hosted, pulse
from providers.revtain.connection import Connection
from providers.revtain.status import read_answer
from providers.transit import LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from dunning.charge import ChargeAnswer, ChargeRequest, DeclineMeaning, HostedLink
    from dunning.money import Money
    from dunning.recovery import RecoveryAnswer
    from providers.transit import Answer

TIMEOUT = timedelta(seconds=30)
NOT_REACHED = "Revtain cannot be reached; check the network and REVTAIN_BASE_URL"
NO_ANSWER = "Revtain did not answer"

_Outcome = TypeVar("_Outcome")

_STATUS = "/api/recovery/status"
# No transaction has it: the answer only says whether the key is accepted.
_NOBODY = "dunning-doctor"


class RevtainApi:
    """A `RecoverySource`, `Charger`, `HostedPages`, `PaymentLog` and `DeclineDictionary`.

    Without a key only decline codes can be looked up.
    """

    def __init__(
        self,
        key: str | None,
        *,
        now: Callable[[], datetime],
        base_url: str | None = None,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self._now = now
        self._connection = Connection(key, base_url=base_url, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        await self._connection.aclose()

    async def by_transaction(self, transaction_id: str) -> RecoveryAnswer | None:
        """How a transaction stands; None when Revtain knows none of this id."""
        if not transaction_id.strip("."):
            return None
        target = f"{_STATUS}/{quote(transaction_id, safe='')}"
        answer = await _asked(self._connection.get(target))
        return _found(read_answer(answer, asked=transaction_id, now=self._now()))

    async def by_key(self, idempotency_key: str) -> RecoveryAnswer | None:
        """How the attempt that was made with a key stands; None when there was none."""
        query = quote(idempotency_key, safe="")
        answer = await _asked(self._connection.get(f"{_STATUS}?idempotencyKey={query}"))
        return _found(read_answer(answer, asked=None, now=self._now()))

    async def probe(self) -> None:
        """Raise a `ProviderError` unless Revtain answers and accepts the key."""
        answer = await _asked(self._connection.get(f"{_STATUS}/{_NOBODY}"))
        # Whatever it says of a transaction that nobody has: it has let us ask.
        if answer.status != HTTPStatus.BAD_REQUEST:
            _found(read_answer(answer, asked=_NOBODY, now=self._now()))

    async def charge(self, request: ChargeRequest) -> ChargeAnswer:
        """Have a card charged, at most once for each idempotency key."""
        post = self._connection.post(execute.PATH, execute.document_of(request))
        answer = await _told(post)
        if not execute.is_duplicate(answer):
            return _found(execute.read_charge(answer, now=self._now()))
        try:
            return execute.earlier(await self.by_key(request.idempotency_key))
        except ProviderError:
            unproved = OutcomeUnknownError(
                "Revtain calls this charge a duplicate and does not say how ours stands"
            )
        raise unproved

    async def mint(self, token: str) -> HostedLink:
        """A fresh link to Revtain's page for a new card in place of that of the token."""
        # An answer that is lost leaves a link that nobody has: it may be asked for again.
        answer = await _asked(self._connection.post(hosted.PATH, {"paymentMethodToken": token}))
        secure = self._connection.secure
        return _found(hosted.read_link(answer, secure=secure, now=self._now()))

    async def succeeded(self, money: Money, reference: str | None = None) -> str:
        """The id under which Revtain logged a payment that succeeded without any recovery."""
        answer = await _told(self._connection.post(pulse.PATH, pulse.document_of(money, reference)))
        return _found(pulse.read_pulse(answer, reference=reference, now=self._now()))

    async def meaning(self, gateway: str, code: str) -> DeclineMeaning | None:
        """What a gateway's decline code means; None when the dictionary has none. Needs no key."""
        target = declines.path_to(gateway, code)
        answer = await _asked(self._connection.get(target, signed=False))
        return _found(declines.read_meaning(answer, gateway=gateway, code=code, now=self._now()))


async def _asked(request: Awaitable[Answer]) -> Answer:
    """The answer to a request that changes nothing, and may be repeated."""
    try:
        return await request
    except NotConnectedError as fault:
        missed = ProviderUnavailableError(f"{NOT_REACHED} ({fault})")
    except LostAnswerError as lost:
        missed = ProviderUnavailableError(f"{NO_ANSWER} ({lost.fault})")
    raise missed


async def _told(request: Awaitable[Answer]) -> Answer:
    """The answer to a request that does something, perhaps even if no answer comes."""
    try:
        return await request
    except NotConnectedError as fault:
        missed: ProviderError = ProviderUnavailableError(f"{NOT_REACHED} ({fault})")
    except LostAnswerError as lost:
        missed = OutcomeUnknownError(f"{NO_ANSWER} ({lost.fault})")
    raise missed


def _found(outcome: _Outcome | ProviderError) -> _Outcome:
    if isinstance(outcome, ProviderError):
        raise outcome
    return outcome
