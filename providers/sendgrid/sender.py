"""How does one email go to SendGrid, at most once?"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from dunning.errors import OutcomeUnknownError, ProviderError, ProviderUnavailableError
from providers.rate_gate import RateGate
from providers.sendgrid.body import mail_body
from providers.sendgrid.outcomes import LOST, NOT_CONNECTED, read_answer
from providers.sendgrid.wire import SendGridWire
from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dunning.ports import Accepted, EmailMessage

TIMEOUT = timedelta(seconds=10)

# A host with several dead addresses, or an answer that trickles, outlives one socket timeout.
_DEADLINE_FACTOR = 3


class SendGridEmail:
    """An `EmailSender` on the official library, which blocks and therefore runs in threads."""

    def __init__(
        self,
        api_key: str,
        *,
        now: Callable[[], datetime],
        base_url: str | None = None,
        timeout: timedelta = TIMEOUT,
        sandbox_mode: bool = False,
        threads: int = 16,
    ) -> None:
        # A line break in the key would make the HTTP library quote the key in an error.
        if not api_key.isascii() or not api_key.isprintable() or not api_key or " " in api_key:
            raise ValueError("the SendGrid API key is blank or holds characters no key has")
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise ValueError("the SendGrid base URL must start with http:// or https://")
        self._now = now
        self._gate = RateGate("SendGrid", now=now)
        self._sandbox_mode = sandbox_mode
        self._wire = SendGridWire(api_key, base_url=base_url, timeout=timeout)
        self._deadline = timeout * _DEADLINE_FACTOR
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sendgrid")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits for requests under way, so that none outlives its process's shutdown."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def ready(self) -> None:
        """Wait while SendGrid asked for a pause; `ProviderUnavailableError` when it lasts."""
        await self._gate.pass_through()

    async def send(self, message: EmailMessage) -> Accepted:
        """Raise a `ProviderError` when SendGrid did not accept, or may not have."""
        body = mail_body(message, sandbox_mode=self._sandbox_mode)
        answer = await self._post(body)
        # Raised out here, so that no fault of the library's hangs on it as its context.
        if isinstance(answer, ProviderError):
            raise answer
        self._gate.heed(answer.status, answer.headers)
        outcome = read_answer(
            answer,
            fallback_id=message.tags.message_id,
            sandbox_mode=self._sandbox_mode,
            now=self._now(),
        )
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def _post(self, body: Mapping[str, object]) -> Answer | ProviderError:
        abandoned = threading.Event()
        job = self._threads.submit(self._wire.post, body, abandoned)
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                return await asyncio.wrap_future(job)
        except NotConnectedError:
            return ProviderUnavailableError(NOT_CONNECTED)
        except LostAnswerError as lost:
            return OutcomeUnknownError(f"{LOST} ({lost.fault})")
        except TimeoutError:
            # Only a job that never left the queue can still be taken back.
            if job.cancel():
                return ProviderUnavailableError("too many emails wait for SendGrid; not sent")
            return OutcomeUnknownError(f"{LOST} (DeadlineExceeded)")
        finally:
            abandoned.set()
            job.cancel()
