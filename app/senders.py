"""Through what do emails, texts and notifications leave? The settings choose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app import feedback
from app.setting_values import EmailTransport
from app.settings import Settings, SettingsError, required
from dunning.channel import Channel
from dunning.ports import EmailSender, Gate
from providers.sendgrid.sender import SendGridEmail
from providers.smtp.dialogue import DEFAULT_PORTS, Server, Tls
from providers.smtp.sender import SmtpEmail
from providers.twilio.sender import TwilioText

if TYPE_CHECKING:
    from providers.fcm.sender import FcmPush

# Of the extra `push`; asked for by a part that no other library brings.
_GOOGLE = ("google", "google.auth")


async def email(
    settings: Settings, now: Callable[[], datetime], stack: AsyncExitStack
) -> EmailSender:
    """The chosen transport, open until the stack ends."""
    if settings.email_transport is EmailTransport.SMTP:
        return smtp(settings, now)
    key = required(settings.sendgrid_api_key, "SENDGRID_API_KEY").get_secret_value()
    sendgrid = SendGridEmail(key, now=now, base_url=settings.sendgrid_base_url)
    return await stack.enter_async_context(sendgrid)


def smtp(settings: Settings, now: Callable[[], datetime]) -> SmtpEmail:
    """The configured server; `SettingsError` when it is not complete."""
    host = required(settings.smtp_host, "DUNNING_SMTP_HOST").get_secret_value()
    username, password = settings.smtp_username, settings.smtp_password
    if username is not None and password is None:
        required(None, "DUNNING_SMTP_PASSWORD")
    if password is not None and username is None:
        required(None, "DUNNING_SMTP_USERNAME")
    tls = Tls(settings.smtp_tls)
    server = Server(
        host=host,
        port=settings.smtp_port or DEFAULT_PORTS[tls],
        tls=tls,
        timeout=timedelta(seconds=settings.smtp_timeout),
        username=username,
        password=password.get_secret_value() if password else None,
    )
    return SmtpEmail(server, now=now)


def channels(settings: Settings) -> frozenset[Channel]:
    """The channels that a vendor is configured for."""
    text = {Channel.SMS} if settings.twilio_account_sid is not None else set[Channel]()
    notifies = settings.fcm_service_account_file is not None and push_installed()
    return frozenset({Channel.EMAIL, *text, *({Channel.PUSH} if notifies else ())})


def gates(email: EmailSender, text: TwilioText | None) -> dict[Channel, Gate]:
    """The vendors that say how fast they may be sent to."""
    found: dict[Channel, Gate] = {}
    if isinstance(email, SendGridEmail):
        found[Channel.EMAIL] = email
    if text is not None:
        found[Channel.SMS] = text
    return found


def proof_within(settings: Settings) -> dict[Channel, timedelta]:
    """How long the vendor's report on a message in doubt is awaited, where reports come."""
    reports = settings.email_transport is EmailTransport.SENDGRID and (
        settings.sendgrid_webhook_public_key
    )
    return {Channel.EMAIL: timedelta(minutes=settings.report_wait)} if reports else {}


def push_installed() -> bool:
    """Whether the libraries of the extra `push` are there."""
    return all(find_spec(name) is not None for name in _GOOGLE)


def push(settings: Settings, now: Callable[[], datetime]) -> FcmPush | None:
    """The way to devices; None when it is not configured or its libraries are missing."""
    if settings.fcm_service_account_file is None or not push_installed():
        return None
    from providers.fcm.account import AccountFileError, read_account
    from providers.fcm.sender import FcmPush

    try:
        account = read_account(settings.fcm_service_account_file)
    except AccountFileError as fault:
        raise SettingsError(f"FCM_SERVICE_ACCOUNT_FILE: {fault}.") from None
    return FcmPush(
        account,
        now=now,
        project=settings.fcm_project_id,
        base_url=settings.fcm_base_url,
    )


def text(settings: Settings, now: Callable[[], datetime]) -> TwilioText | None:
    """The way to telephones; None when it is not configured."""
    if settings.twilio_account_sid is None:
        return None
    if settings.twilio_from is None and settings.twilio_messaging_service_sid is None:
        required(None, "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID")
    key, secret = settings.twilio_api_key, settings.twilio_api_secret
    # With an API key the token, if there is one, only proves Twilio's webhooks.
    keyed = key is not None and secret is not None
    token = None if keyed else settings.twilio_auth_token
    if not keyed and token is None:
        required(None, "TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with TWILIO_API_SECRET,")
    return TwilioText(
        settings.twilio_account_sid,
        now=now,
        auth_token=token.get_secret_value() if token else None,
        api_key=key if keyed else None,
        api_secret=secret.get_secret_value() if keyed and secret else None,
        from_number=settings.twilio_from,
        messaging_service_sid=settings.twilio_messaging_service_sid,
        status_callback=feedback.status_callback(settings),
        base_url=settings.twilio_base_url,
    )
