"""How does a template arrive? It is sent for real, filled with examples, to one address."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from activities.letters import Letter
from app import clock, wiring
from app.settings import SettingsError
from dunning.channel import Channel
from dunning.ports import MessageTags
from messages.examples import example_notices
from messages.render import Renderer

if TYPE_CHECKING:
    from app.settings import Settings
    from dunning.notice import Notice

_VALID_FOR = timedelta(minutes=30)
_MARK = "[Test] "


async def send(
    settings: Settings, template: str, recipient: str, locale: str | None, currency: str
) -> str:
    """Send an email to an address with an @, else a text; the vendor's id of it.

    Raise PolicyError without such a template, ProviderError when the vendor does not take it.
    """
    policy = wiring.policy(settings)
    renderer = Renderer(settings.templates, default_locale=policy.account.locale)
    (notice,) = example_notices(template, locale or policy.account.locale, policy.brand, [currency])
    letter = (
        _email(renderer, notice, recipient)
        if "@" in recipient
        else _text(renderer, notice, recipient)
    )
    tags = MessageTags(message_id=f"sample-{secrets.token_urlsafe(9)}", case_id="", step="")
    async with AsyncExitStack() as stack:
        postbox = await wiring.postbox(settings, clock.now, stack)
        if not postbox.has(letter.channel):
            raise SettingsError("TWILIO_ACCOUNT_SID is not set: set it to send texts.")
        return (await postbox.post(letter, tags)).provider_id


def _email(renderer: Renderer, notice: Notice, recipient: str) -> Letter:
    rendered = renderer.email(notice)
    return Letter(
        channel=Channel.EMAIL,
        recipient=recipient,
        recipient_name=None,
        subject=f"{_MARK}{rendered.subject}",
        text=rendered.text,
        html=rendered.html,
        valid_for=_VALID_FOR,
        brand=notice.brand,
    )


def _text(renderer: Renderer, notice: Notice, recipient: str) -> Letter:
    body = renderer.text(notice).body
    return Letter(
        channel=Channel.SMS,
        recipient=recipient,
        recipient_name=None,
        subject="",
        text=body,
        html="",
        valid_for=_VALID_FOR,
        brand=notice.brand,
    )
