"""Do the vendors accept our credentials? One request each that changes nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import TypeAdapter

from app import clock, recovery, senders
from app.settings import Settings, SettingsError
from dunning.errors import DunningError, ProviderError

_SENDGRID = "https://api.sendgrid.com"
_TWILIO = "https://api.twilio.com"
_SCOPE = "mail.send"
_LIMITS = aiohttp.ClientTimeout(total=10)
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class VendorFaultError(DunningError):
    """The vendor cannot be used as it is configured."""

    def __init__(self, finding: str, next_step: str) -> None:
        super().__init__(finding)
        self.next_step = next_step


async def try_sendgrid(key: str, base_url: str | None) -> None:
    """Ask what the key may do; `VendorFaultError` unless it may send."""
    where = base_url or _SENDGRID
    headers = {"Authorization": f"Bearer {key}"}
    status, body = await _get("SendGrid", f"{where}/v3/scopes", headers)
    if status in _REFUSED:
        raise VendorFaultError(
            f"{where} refuses the key ({status})", "Correct SENDGRID_API_KEY, or make a new key."
        )
    if status != HTTPStatus.OK:
        raise VendorFaultError(f"{where} answers {status}", "Try again; see SendGrid's status.")
    if _SCOPE not in body.get("scopes", ()):
        raise VendorFaultError(
            f"the key lacks the scope {_SCOPE}", "Give the key `Mail Send` in SendGrid's settings."
        )


async def try_revtain(settings: Settings) -> None:
    """Ask about a transaction that nobody has; `VendorFaultError` unless the key is accepted."""
    source = recovery.api(settings)
    if source is None:
        return
    try:
        async with source:
            await source.probe()
    except ProviderError as fault:
        raise VendorFaultError(str(fault), "Correct REVTAIN_API_KEY, or make a new key.") from None


async def try_twilio(settings: Settings) -> None:
    """List one message; `VendorFaultError` unless the settings are complete and accepted.

    Not the account itself: Twilio keeps that from standard API keys.
    """
    user, password = _credentials(settings)
    where = settings.twilio_base_url or _TWILIO
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    url = f"{where}/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json?PageSize=1"
    status, _ = await _get("Twilio", url, {"Authorization": f"Basic {token}"})
    if status in (*_REFUSED, HTTPStatus.NOT_FOUND):
        raise VendorFaultError(
            f"{where} refuses the credentials ({status})",
            "Correct TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or TWILIO_API_KEY with its secret.",
        )
    if status != HTTPStatus.OK:
        raise VendorFaultError(f"{where} answers {status}", "Try again; see Twilio's status page.")


async def try_smtp(settings: Settings) -> None:
    """Greet, encrypt and log in; `VendorFaultError` when that fails."""
    try:
        await senders.smtp(settings, clock.now).probe()
    except (SettingsError, ProviderError) as fault:
        raise VendorFaultError(str(fault), "Correct the DUNNING_SMTP_ settings.") from None


async def try_push(settings: Settings) -> None:
    """Buy an access token, which notifies nobody; `VendorFaultError` when none is given."""
    if not senders.push_installed():
        raise VendorFaultError(
            "the libraries for notifications are not installed, so they are withheld",
            "Install dunning with its extra: `pip install 'dunning[push]'`.",
        )
    try:
        push = senders.push(settings, clock.now)
        if push is not None:
            async with push:
                await push.probe()
    except (SettingsError, ProviderError) as fault:
        raise VendorFaultError(str(fault), "Correct FCM_SERVICE_ACCOUNT_FILE.") from None


def _credentials(settings: Settings) -> tuple[str, str]:
    if settings.twilio_from is None and settings.twilio_messaging_service_sid is None:
        raise VendorFaultError(
            "there is no sender of texts", "Set TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID."
        )
    if settings.twilio_api_key is not None and settings.twilio_api_secret is not None:
        return settings.twilio_api_key, settings.twilio_api_secret.get_secret_value()
    if settings.twilio_auth_token is None:
        raise VendorFaultError(
            "there are no credentials", "Set TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with its secret."
        )
    return settings.twilio_account_sid or "", settings.twilio_auth_token.get_secret_value()


async def _get(vendor: str, url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    try:
        async with (
            aiohttp.ClientSession(timeout=_LIMITS) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                return answer.status, {}
            return answer.status, _OBJECT.validate_json(await answer.read())
    except (aiohttp.ClientError, TimeoutError, ValueError) as fault:
        name = type(fault).__name__
        raise VendorFaultError(
            f"{vendor} cannot be reached ({name})", f"Check the network, or {vendor}'s base URL."
        ) from fault
