"""How does one text go to Twilio, at most once, and how is it asked what became of it?"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from dunning.errors import OutcomeUnknownError, ProviderError, ProviderUnavailableError
from dunning.ports import Accepted
from providers.rate_gate import RateGate
from providers.transit import LostAnswerError, NotConnectedError
from providers.twilio.outcomes import (
    LOST,
    NOT_CONNECTED,
    UNLISTED,
    read_list_refusal,
    read_refusal,
)
from providers.twilio.status_reader import CODE, SID, STATUS, TO, UPDATED_AT, TwilioStatusReader
from providers.twilio.wire import TwilioWire, VendorRefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from dunning.delivery import ReportEntry
    from dunning.ports import MessageTags, TextMessage
    from providers.twilio.wire import Listed, Standing

TIMEOUT = timedelta(seconds=10)

# The vendor's limits of ValidityPeriod, in seconds.
_SHORTEST_VALIDITY = 1
_LONGEST_VALIDITY = 36_000
# The vendor counts in whole seconds, by a clock of its own.
_CLOCK_DIFFERENCE = timedelta(seconds=5)
_TRIAL_PREFIX = "Sent from your Twilio trial account - "


class TwilioText:
    """A `TextSender` on the official async library.

    Twilio reports to `status_callback`, in whose query it says which message of ours it is about:
    so a report that comes before the answer to the request finds its message too.
    """

    def __init__(  # noqa: PLR0913 - one argument for each of the vendor's own settings
        self,
        account_sid: str,
        *,
        now: Callable[[], datetime],
        auth_token: str | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
        from_number: str | None = None,
        messaging_service_sid: str | None = None,
        status_callback: str | None = None,
        base_url: str | None = None,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise ValueError("the Twilio base URL must start with http:// or https://")
        self._now = now
        self._gate = RateGate("Twilio", now=now)
        self._account_sid = account_sid
        self._credentials = _credentials(account_sid, auth_token, api_key, api_secret)
        self._parameters = _sender(from_number, messaging_service_sid)
        self._status_callback = status_callback
        self._base_url = base_url
        self._timeout = timeout
        self._wire: TwilioWire | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    async def ready(self) -> None:
        """Wait while Twilio asked for a pause; `ProviderUnavailableError` when it lasts."""
        await self._gate.pass_through()

    async def send(self, message: TextMessage) -> Accepted:
        """Raise a `ProviderError` when Twilio did not accept, or may not have."""
        outcome = await self._create(message)
        # Raised out here, so that no fault of the library's hangs on it as its context.
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def find(self, *, recipient: str, body_digest: str, since: datetime) -> Accepted | None:
        """The newest message to this number with this body that `since` may have created.

        Raises `ProviderUnavailableError` when the list cannot be read: nothing is known then.
        """
        listed = await self._list(recipient, since - _CLOCK_DIFFERENCE)
        if isinstance(listed, ProviderError):
            raise listed
        matches = [item for item in listed if _has_digest(item.body, body_digest)]
        if not matches:
            return None
        return Accepted(provider_id=max(matches, key=lambda item: item.created_at).sid)

    async def fetch(self, provider_id: str, message_id: str) -> ReportEntry | None:
        """The report that a callback would have brought; None when Twilio does not know the text.

        Raises `ProviderUnavailableError` when it cannot be asked now.
        """
        standing = await self._standing(provider_id)
        if isinstance(standing, ProviderError):
            raise standing
        return TwilioStatusReader().entry(_fields(standing), message_id) if standing else None

    def _reporting(self, tags: MessageTags) -> dict[str, str]:
        if self._status_callback is None:
            return {}
        query = urlencode({"message": tags.message_id})
        return {"status_callback": f"{self._status_callback}?{query}"}

    async def _create(self, message: TextMessage) -> Accepted | ProviderError:
        try:
            sid = await self._connected().create(
                to=message.recipient,
                body=message.body,
                validity_period=_validity(message.valid_for),
                **self._parameters,
                **self._reporting(message.tags),
            )
        except NotConnectedError:
            return ProviderUnavailableError(NOT_CONNECTED)
        except LostAnswerError as lost:
            return OutcomeUnknownError(f"{LOST} ({lost.fault})")
        except VendorRefusalError as refusal:
            self._gate.heed(refusal.status, {"Retry-After": refusal.retry_after or ""})
            return read_refusal(refusal, now=self._now())
        return Accepted(provider_id=sid)

    async def _list(self, recipient: str, since: datetime) -> Sequence[Listed] | ProviderError:
        try:
            return await self._connected().sent_to(recipient, since=since)
        except (NotConnectedError, LostAnswerError):
            return ProviderUnavailableError(UNLISTED)
        except VendorRefusalError as refusal:
            return read_list_refusal(refusal, now=self._now())

    async def _standing(self, sid: str) -> Standing | ProviderError | None:
        try:
            return await self._connected().fetch(sid)
        except (NotConnectedError, LostAnswerError):
            return ProviderUnavailableError(UNLISTED)
        except VendorRefusalError as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            return read_list_refusal(refusal, now=self._now())

    def _connected(self) -> TwilioWire:
        # The library's client needs a running loop, which a constructor may not have.
        if self._wire is None:
            self._wire = TwilioWire(
                self._account_sid,
                self._credentials,
                base_url=self._base_url,
                timeout=self._timeout,
            )
        return self._wire


def _credentials(
    account_sid: str, auth_token: str | None, api_key: str | None, api_secret: str | None
) -> tuple[str, str]:
    if auth_token and not api_key and not api_secret:
        return account_sid, auth_token
    if api_key and api_secret and not auth_token:
        return api_key, api_secret
    raise ValueError("Twilio needs either auth_token, or api_key together with api_secret")


def _sender(from_number: str | None, messaging_service_sid: str | None) -> dict[str, str]:
    if from_number and not messaging_service_sid:
        return {"from_": from_number}
    if messaging_service_sid and not from_number:
        return {"messaging_service_sid": messaging_service_sid}
    raise ValueError("Twilio needs either from_number or messaging_service_sid")


def _fields(standing: Standing) -> dict[str, str]:
    fields = {SID: standing.sid, STATUS: standing.status, TO: standing.recipient}
    if standing.error_code:
        fields[CODE] = standing.error_code
    if standing.updated_at is not None:
        fields[UPDATED_AT] = standing.updated_at.isoformat()
    return fields


def _validity(valid_for: timedelta) -> int:
    return min(max(int(valid_for.total_seconds()), _SHORTEST_VALIDITY), _LONGEST_VALIDITY)


def _has_digest(body: str, digest: str) -> bool:
    # A trial account's texts are listed as they arrive, with the vendor's words before ours.
    return any(
        hashlib.sha256(candidate.encode()).hexdigest() == digest.lower()
        for candidate in (body, body.removeprefix(_TRIAL_PREFIX))
    )
