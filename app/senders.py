"""Through what do emails and notifications leave? The settings choose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.settings import EmailTransport, Settings, SettingsError, required
from dunning.ports import EmailSender
from providers.sendgrid.sender import SendGridEmail
from providers.smtp.dialogue import DEFAULT_PORTS, Server, Tls
from providers.smtp.sender import SmtpEmail

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
