"""How does one notification go to Firebase Cloud Messaging, at most once?"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from dunning.errors import OutcomeUnknownError, ProviderError, ProviderUnavailableError
from providers.fcm.access import AccessTokens
from providers.fcm.body import push_body
from providers.fcm.outcomes import LOST, NOT_CONNECTED, read_answer
from providers.fcm.wire import FcmWire
from providers.transit import Answer, LostAnswerError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dunning.ports import Accepted, PushMessage
    from providers.fcm.account import ServiceAccount

TIMEOUT = timedelta(seconds=10)

_HOST = "https://fcm.googleapis.com"


class FcmPush:
    """A `PushSender` on the HTTP v1 interface."""

    def __init__(
        self,
        account: ServiceAccount,
        *,
        now: Callable[[], datetime],
        project: str | None = None,
        base_url: str | None = None,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise ValueError("the FCM base URL must start with http:// or https://")
        path = quote(project or account.project, safe="")
        self._url = f"{base_url or _HOST}/v1/projects/{path}/messages:send"
        self._now = now
        self._wire = FcmWire(timeout)
        self._tokens = AccessTokens(account, self._wire, now=now)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        await self._wire.close()

    async def probe(self) -> None:
        """Buy an access token; `ProviderUnavailableError` when Google does not give one."""
        await self._tokens.get()

    async def send(self, message: PushMessage) -> Accepted:
        """Raise a `ProviderError` when Firebase did not accept, or may not have."""
        body = push_body(message, now=self._now())
        answer = await self._post(body)
        # Raised out here, so that no fault of the library's hangs on it as its context.
        if isinstance(answer, ProviderError):
            raise answer
        outcome = read_answer(answer, now=self._now())
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def _post(self, body: Mapping[str, object]) -> Answer | ProviderError:
        """A token called back early is replaced once: 401 proves that nothing was taken."""
        try:
            token = await self._tokens.get()
            answer = await self._wire.post_json(self._url, body, token)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._tokens.forget(token)
                answer = await self._wire.post_json(self._url, body, await self._tokens.get())
        except NotConnectedError:
            return ProviderUnavailableError(NOT_CONNECTED)
        except LostAnswerError as lost:
            return OutcomeUnknownError(f"{LOST} ({lost.fault})")
        return answer
