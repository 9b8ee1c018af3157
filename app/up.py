"""How does everything run in one process, for a trial or a small merchant?"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from app import charging, directories, running, temporal, trial, wiring
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.process import free_port
from app.embedded.temporal import TemporalDevServer
from app.embedded.temporal_binary import find_temporal
from app.setting_values import EmailTransport
from app.settings import Settings, load
from app.worker import workers
from dunning.errors import DunningError
from sandbox.control import Sandbox
from sandbox.settings import SandboxSettings
from store import migrations
from store.errors import DatabaseDownError
from workflows.errors import TemporalDownError

if TYPE_CHECKING:
    from rich.console import Console

_REVTAIN = {"REVTAIN_API_KEY": "rev_sandbox"}
_SENDGRID = {"SENDGRID_API_KEY": "SG.sandbox"}
_TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "sandbox",
    "TWILIO_FROM": "+15005550006",
}


@dataclass(slots=True)
class _Trial:
    """What is set, what was given by whom, and what a person should know."""

    given: Mapping[str, str]
    console: Console
    environment: dict[str, str] = field(default_factory=dict[str, str])
    links: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def settings(self) -> Settings:
        return load({**self.environment, **self.given})

    @property
    def shared(self) -> dict[str, str]:
        """What other commands need; a vendor's key that was given stays with who gave it."""
        ours = {n: v for n, v in self.given.items() if n.startswith("DUNNING_")}
        address = {n: self.given[n] for n in ("TEMPORAL_ADDRESS",) if n in self.given}
        return {**self.environment, **ours, **address}

    def lacks(self, name: str) -> bool:
        return name not in self.given

    def say(self, sentence: str) -> None:
        self.console.print(sentence)


async def up(console: Console, *, port: int | None = None, stay: bool = True) -> dict[str, str]:
    """Start everything and run until a signal; without `stay`, end once it is all up.

    Returns the links that were shown.
    """
    given = dict(os.environ)
    if port is not None:
        given["DUNNING_PORT"] = str(port)
    it = _Trial(given=given, console=console)
    wiring.policy(it.settings)
    await running.until_stopped(lambda is_up, stop: _serve(it, is_up, stop if stay else is_up))
    return it.links


async def _serve(it: _Trial, is_up: asyncio.Event, until: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        _choose_port(it)
        if it.lacks("DUNNING_SECRET_KEY"):
            it.environment["DUNNING_SECRET_KEY"] = trial.secret_key(it.settings.data_dir)
        await _database(it, stack)
        client = await _temporal(it, stack)
        sandbox = await stack.enter_async_context(_vendors(it))
        settings = it.settings
        charging.require_key(settings, wiring.policy(settings))
        await directories.check(settings)
        stores = wiring.stores(settings)
        stack.push_async_callback(stores.database.aclose)
        desks = await stack.enter_async_context(wiring.desks(settings, stores))
        await stack.enter_async_context(workers(client, desks, rates=settings.rates))
        await stack.enter_async_context(running.numbers(settings))
        url = await stack.enter_async_context(running.web(settings, stores, client))
        it.links = {
            "API": f"{url}/docs",
            "Revtain's webhook": f"{url}/webhooks/revtain",
            **it.links,
        }
        if sandbox is not None:
            _hear(it, sandbox, url)
        stack.enter_context(trial.recorded(settings.data_dir, it.shared))
        _tell(it)
        is_up.set()
        await until.wait()
        it.say("Ending: work under way is finished first.")


def _choose_port(it: _Trial) -> None:
    """The links in messages name the port, so it must be known before anything is sent."""
    settings = it.settings
    port = settings.port or free_port()
    it.given = {**it.given, "DUNNING_PORT": str(port)}
    if it.lacks("DUNNING_PUBLIC_URL"):
        it.environment["DUNNING_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    with socket.socket() as probe:
        # A port that a server of ours left a moment ago may be taken again at once.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, port))
        except OSError as fault:
            raise DunningError(
                f"The web server cannot listen on {settings.host}:{port} ({fault.strerror}). "
                "Stop what listens there, or choose another port with --port."
            ) from fault


async def _database(it: _Trial, stack: AsyncExitStack) -> None:
    if it.lacks("DUNNING_DATABASE_URL"):
        folder = it.settings.data_dir.absolute() / "postgres"
        it.say(f"Starting PostgreSQL on {folder} …")
        postgres = await stack.enter_async_context(EmbeddedPostgres.start(folder))
        it.environment["DUNNING_DATABASE_URL"] = postgres.url
    url = it.settings.database_url
    assert url is not None  # noqa: S101 - either given or just set
    await running.wait_for(
        "PostgreSQL",
        lambda: asyncio.to_thread(migrations.upgrade, url.get_secret_value()),
        DatabaseDownError,
    )


async def _temporal(it: _Trial, stack: AsyncExitStack) -> Client:
    if not it.lacks("TEMPORAL_ADDRESS"):
        client = await running.wait_for(
            f"Temporal at {temporal.address()}", temporal.connect, TemporalDownError
        )
    else:
        client = await _embedded_temporal(it, stack)
    await temporal.set_up(client)
    return client


async def _embedded_temporal(it: _Trial, stack: AsyncExitStack) -> Client:
    settings = it.settings
    folder = settings.data_dir.absolute()
    binary = await find_temporal(settings.temporal_cli, folder, console=it.console)
    it.say(f"Starting Temporal on {folder / 'temporal'} …")
    server = await stack.enter_async_context(
        TemporalDevServer.start(
            binary, db_filename=folder / "temporal" / "temporal.db", time_skipping=False
        )
    )
    it.environment["TEMPORAL_ADDRESS"] = server.address
    if server.ui_url is not None:
        it.links["Temporal"] = f"{server.ui_url}/namespaces/default/workflows"
    # Not through the SDK's configuration: its namespace and keys are those of another server.
    return await Client.connect(server.address, data_converter=pydantic_data_converter)


@asynccontextmanager
async def _vendors(it: _Trial) -> AsyncGenerator[Sandbox | None]:
    """Stand-ins for the vendors whose settings are missing."""
    missing = {
        "SendGrid": it.lacks("SENDGRID_API_KEY")
        and it.settings.email_transport is EmailTransport.SENDGRID,
        "Twilio": it.lacks("TWILIO_ACCOUNT_SID"),
        "Revtain": it.lacks("REVTAIN_WEBHOOK_SECRET"),
    }
    names = [name for name, lacking in missing.items() if lacking]
    if not names:
        yield None
        return
    settings = SandboxSettings()
    async with Sandbox.start(settings) as sandbox:
        if missing["SendGrid"]:
            it.environment |= {
                **_SENDGRID,
                "SENDGRID_BASE_URL": sandbox.sendgrid_url,
                "SENDGRID_WEBHOOK_PUBLIC_KEY": sandbox.sendgrid.event_public_key,
            }
            if it.lacks("DUNNING_EMAIL_FROM"):
                it.environment["DUNNING_EMAIL_FROM"] = "billing@example.com"
        if missing["Twilio"]:
            it.environment |= {**_TWILIO, "TWILIO_BASE_URL": sandbox.twilio_url}
        if missing["Revtain"]:
            it.environment["REVTAIN_WEBHOOK_SECRET"] = settings.webhook_secret
            if it.lacks("REVTAIN_API_KEY"):
                it.environment |= {**_REVTAIN, "REVTAIN_BASE_URL": sandbox.revtain_url}
        it.links["Inbox of the sandbox"] = f"{sandbox.url}/"
        it.say(
            f"No settings for {', '.join(names)}: a sandbox on this machine stands in. "
            "What goes there reaches nobody."
        )
        yield sandbox


def _hear(it: _Trial, sandbox: Sandbox, url: str) -> None:
    """Let the stand-ins call our doors; their real vendors would call the public address."""
    if it.lacks("REVTAIN_WEBHOOK_SECRET"):
        sandbox.revtain.send_to(f"{url}/webhooks/revtain")
    public = it.settings.public_url
    sandbox.serve_at(public, url)
    if it.lacks("SENDGRID_API_KEY") and it.lacks("SENDGRID_WEBHOOK_PUBLIC_KEY"):
        sandbox.sendgrid.send_events_to(f"{public}/webhooks/sendgrid")
    if it.lacks("TWILIO_ACCOUNT_SID"):
        sandbox.twilio.send_replies_to(f"{public}/webhooks/twilio/inbound")


def _tell(it: _Trial) -> None:
    it.say("\nEverything is up. Ctrl-C ends it; the data stays for the next time.")
    width = max(map(len, it.links))
    for name, link in it.links.items():
        it.say(f"  {name:<{width}}  {link}")
    folder = it.settings.data_dir
    elsewhere = "" if folder == Path(".dunning") else f"DUNNING_DATA_DIR={folder} "
    it.say(
        f"In another terminal, {elsewhere}dunning doctor, key add, invoice import and case list "
        "work on this one.\n"
    )
