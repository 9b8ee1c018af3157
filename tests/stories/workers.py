"""How does a worker run whose vendors or whose ledger are not quite as usual?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from activities.letters import Postbox
from activities.nudge import Nudger
from app import clock, wiring
from app.demo.stage import Stage
from app.settings import Settings
from app.wiring import Desks
from app.worker import workers
from providers.sendgrid.sender import SendGridEmail
from providers.twilio.sender import TwilioText

HASTE = timedelta(seconds=0.6)


def given(settings: Settings) -> dict[str, str]:
    """The environment of another process with the same settings, and a web port of its own."""
    environment: dict[str, str] = {}
    for name, described in Settings.model_fields.items():
        if name in settings.model_fields_set:
            environment[str(described.alias)] = _plain(getattr(settings, name))
    return {**environment, "DUNNING_PORT": "0"}


def _plain(value: Any) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case (*several,):
            return ",".join(_plain(one) for one in several)
        case _:
            return str(value)


@asynccontextmanager
async def working(stage: Stage, change: Callable[[Nudger], Nudger]) -> AsyncGenerator[None]:
    """A worker of the stage whose messages are sent by another nudger."""
    async with wiring.desks(stage.settings, stage.stores) as usual:
        nudger = change(usual.nudge.nudger)
        desks = Desks(
            case=replace(usual.case, nudger=nudger), nudge=replace(usual.nudge, nudger=nudger)
        )
        async with workers(stage.client, desks):
            yield


@asynccontextmanager
async def hasty_worker(stage: Stage, *, timeout: timedelta = HASTE) -> AsyncGenerator[None]:
    """A worker that waits for its vendors for less than a second."""
    settings = stage.settings
    async with (
        SendGridEmail(
            "SG.stage", now=clock.now, base_url=settings.sendgrid_base_url, timeout=timeout
        ) as email,
        TwilioText(
            settings.twilio_account_sid or "",
            now=clock.now,
            auth_token="stage",
            from_number=settings.twilio_from,
            base_url=settings.twilio_base_url,
            timeout=timeout,
        ) as text,
    ):

        def haste(nudger: Nudger) -> Nudger:
            postbox: Postbox = replace(nudger.postbox, email=email, text=text)
            return replace(nudger, postbox=postbox)

        async with working(stage, haste):
            yield
