"""How do vendors report on the messages they took? Doors, handlers and a sweep."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.setting_values import WebhookAlgorithm
from app.settings import SettingsError, required
from providers.sendgrid import event_signature as sendgrid
from providers.sendgrid.event_reader import SendGridEventReader
from providers.twilio import signature as twilio
from providers.twilio.signature import TwilioAlgorithm, TwilioSignature
from providers.twilio.status_reader import TwilioStatusReader
from webhook.report_door import (
    LARGEST_BATCH,
    LARGEST_FORM,
    SENDGRID,
    SENDGRID_PATH,
    TWILIO,
    TWILIO_PATH,
    ReportDoor,
    signed_events,
    signed_form,
)
from webhook.report_sweep import ReportSweep
from webhook.reports import ReportHandler

if TYPE_CHECKING:
    from app.settings import Settings
    from providers.twilio.sender import TwilioText
    from store.inbox import Inbox
    from store.reports import Reports
    from store.sweeps import Sweeps
    from workflows.client import CaseClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Where reports are stored and filed, and who hears that one has come."""

    inbox: Inbox
    reports: Reports
    sweeps: Sweeps
    arrived: asyncio.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The doors for reports, and the sweep that asks for those which did not come."""

    doors: tuple[ReportDoor, ...] = ()
    texts: TwilioText | None = None
    sweep: ReportSweep | None = None

    async def run(self) -> None:
        """Ask now and then until stopped."""
        if self.texts is not None and self.sweep is not None:
            async with self.texts:
                await self.sweep.run()

    def stop(self) -> None:
        """Return from `run`."""
        if self.sweep is not None:
            self.sweep.stop()


def handlers(reports: Reports, client: CaseClient) -> dict[str, ReportHandler]:
    """By source; also of what was stored while a door was still configured."""
    return {
        SENDGRID: ReportHandler(reader=SendGridEventReader(), reports=reports, client=client),
        TWILIO: ReportHandler(reader=TwilioStatusReader(), reports=reports, client=client),
    }


def listening(
    settings: Settings,
    feedback: Feedback,
    texts: TwilioText | None,
    *,
    now: Callable[[], datetime],
) -> Listening:
    """Doors for the vendors whose key or token is configured; `texts` can be asked."""
    found = (_sendgrid_door(settings, feedback, now), _twilio_door(settings, feedback))
    doors = tuple(door for door in found if door is not None)
    return Listening(doors=doors, texts=texts, sweep=_sweep(feedback, texts) if texts else None)


def twilio_signature(settings: Settings) -> TwilioSignature | None:
    """What proves Twilio's webhooks; None without the token or the secret they are signed with."""
    if settings.twilio_webhook_algorithm is WebhookAlgorithm.SHA256:
        if not settings.twilio_webhook_secret:
            required(None, "TWILIO_WEBHOOK_SECRET")
        secrets = [secret.get_secret_value() for secret in settings.twilio_webhook_secret]
        return TwilioSignature(secrets, algorithms=(TwilioAlgorithm.HMAC_SHA256,))
    if settings.twilio_auth_token is None:
        return None
    return TwilioSignature([settings.twilio_auth_token.get_secret_value()])


def status_callback(settings: Settings) -> str | None:
    """Where Twilio reports to, if there is a door and it may be called over the network."""
    url = urlsplit(settings.public_url)
    if twilio_signature(settings) is None:
        return None
    if url.scheme != "https" and not _is_loopback(url.hostname or ""):
        return None
    return settings.public_url + TWILIO_PATH


def _sweep(feedback: Feedback, texts: TwilioText) -> ReportSweep:
    return ReportSweep(
        source=TWILIO,
        vendor=texts,
        reports=feedback.reports,
        inbox=feedback.inbox,
        sweeps=feedback.sweeps,
        arrived=feedback.arrived,
    )


def _sendgrid_door(
    settings: Settings, feedback: Feedback, now: Callable[[], datetime]
) -> ReportDoor | None:
    if not settings.sendgrid_webhook_public_key:
        return None
    try:
        signature = sendgrid.SendGridEventSignature(settings.sendgrid_webhook_public_key, now=now)
    except ValueError as fault:
        raise SettingsError(f"SENDGRID_WEBHOOK_PUBLIC_KEY {fault}.") from None
    headers = (sendgrid.SIGNATURE_HEADER, sendgrid.TIMESTAMP_HEADER)
    return ReportDoor(
        source=SENDGRID,
        path=SENDGRID_PATH,
        largest=LARGEST_BATCH,
        take=signed_events(signature, SendGridEventReader(), headers),
        inbox=feedback.inbox,
        arrived=feedback.arrived,
    )


def _twilio_door(settings: Settings, feedback: Feedback) -> ReportDoor | None:
    signature = twilio_signature(settings)
    if signature is None:
        return None
    address = settings.public_url + TWILIO_PATH
    headers = (twilio.SIGNATURE_HEADER, twilio.SETTINGS_HEADER)
    return ReportDoor(
        source=TWILIO,
        path=TWILIO_PATH,
        largest=LARGEST_FORM,
        take=signed_form(signature, TwilioStatusReader(), address, headers),
        inbox=feedback.inbox,
        arrived=feedback.arrived,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
