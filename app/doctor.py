"""Is everything there that dunning needs? Each part is tried for real."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.faults import explain
from app.policy_check import findings
from app.setting_values import EmailTransport
from app.settings import Settings
from app.vendor_check import (
    VendorFaultError,
    try_push,
    try_revtain,
    try_sendgrid,
    try_smtp,
    try_twilio,
)
from dunning.errors import DunningError
from dunning.policy import Policy

_PATIENCE = 15.0


class Verdict(StrEnum):
    """How a part was found."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part, what was found, and what to do next."""

    name: str
    verdict: Verdict
    finding: str
    next_step: str | None = None


def _ok(name: str, finding: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, finding=finding)


def _note(name: str, finding: str, next_step: str) -> Check:
    return Check(name=name, verdict=Verdict.NOTE, finding=finding, next_step=next_step)


def _wrong(name: str, finding: str, next_step: str) -> Check:
    return Check(name=name, verdict=Verdict.WRONG, finding=finding, next_step=next_step)


async def examine(settings: Settings, temporal_address: str | None) -> list[Check]:
    """All checks, in the order in which they are best mended."""
    tries: tuple[tuple[str, Callable[[], Awaitable[Iterable[Check]]]], ...] = (
        ("database", lambda: _database(settings)),
        ("Temporal", lambda: _temporal(temporal_address)),
        ("policy", lambda: _policy(settings)),
        ("Revtain", lambda: _revtain(settings)),
        ("SendGrid", lambda: _sendgrid(settings)),
        ("SMTP", lambda: _smtp(settings)),
        ("Twilio", lambda: _twilio(settings)),
        ("push", lambda: _push(settings)),
        ("alerts", lambda: _alerts(settings)),
        ("directories", lambda: _directories(settings)),
    )
    found = await asyncio.gather(*(_limited(name, attempt) for name, attempt in tries))
    return [*_settings(settings), *(check for checks in found for check in checks)]


async def _limited(name: str, attempt: Callable[[], Awaitable[Iterable[Check]]]) -> Iterable[Check]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await attempt()
    except TimeoutError:
        finding = f"no answer within {_PATIENCE:.0f} seconds"
        return [_wrong(name, finding, "Check its address, and that no firewall is in between.")]
    except Exception as fault:
        ending = explain(fault)
        if ending is None:
            raise
        return [_wrong(name, *_parts(ending.sentence))]


def _settings(settings: Settings) -> Iterator[Check]:
    needed = {
        "DUNNING_DATABASE_URL": settings.database_url,
        "DUNNING_SECRET_KEY": settings.secret_key,
        "DUNNING_EMAIL_FROM": settings.email_from,
        "REVTAIN_WEBHOOK_SECRET": settings.revtain_webhook_secret,
        **_of_email(settings),
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        yield _wrong(
            "settings", f"{', '.join(missing)} not set", "Set them; .env.example explains each."
        )
    else:
        yield _ok("settings", "complete")
    host = urlsplit(settings.public_url).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        yield _note(
            "public address",
            f"the links in messages lead to {settings.public_url}, which is this machine only",
            "Before you write to real customers, set DUNNING_PUBLIC_URL.",
        )
    yield _ok("retention", _kept(settings))
    if settings.test_mode:
        yield _note(
            "test mode",
            "simulated events act like real ones",
            "Remove DUNNING_TEST_MODE in production.",
        )


def _kept(settings: Settings) -> str:
    texts = f"texts {settings.keep_texts} days" if settings.keep_texts else "no texts"
    return f"keeps {texts}, bodies of webhooks {settings.keep_events} days"


def _of_email(settings: Settings) -> dict[str, object]:
    """What the chosen transport cannot do without."""
    if settings.email_transport is EmailTransport.SMTP:
        return {"DUNNING_SMTP_HOST": settings.smtp_host}
    return {"SENDGRID_API_KEY": settings.sendgrid_api_key}


async def _database(settings: Settings) -> Iterable[Check]:
    from store import migrations
    from store.errors import DatabaseDownError, SchemaError

    if settings.database_url is None:
        return [_wrong("database", "not configured", "Set DUNNING_DATABASE_URL, or `dunning up`.")]
    url = settings.database_url.get_secret_value()
    try:
        behind = await asyncio.to_thread(migrations.pending, url)
    except (DatabaseDownError, SchemaError) as fault:
        return [_wrong("database", *_parts(str(fault)))]
    if behind:
        return [_wrong("database", "reachable, not migrated", "Run `dunning db upgrade`.")]
    return [_ok("database", "reachable and migrated"), *await _events(url), *await _channels(url)]


async def _events(url: str) -> list[Check]:
    from store.database import Database
    from store.inbox import EventStatus, Inbox

    database = Database.connect(url, pool_size=1)
    try:
        counts = await Inbox(database).counts()
    finally:
        await database.aclose()
    parked, unreadable = counts[EventStatus.PARKED], counts[EventStatus.UNREADABLE]
    if not parked and not unreadable:
        return [_ok("events", f"{counts[EventStatus.PENDING]} to do, none parked, none unreadable")]
    finding = f"{parked} parked, {unreadable} unreadable"
    return [_note("events", finding, "See `dunning event list --status parked` (or unreadable).")]


async def _temporal(target: str | None) -> Iterable[Check]:
    from temporalio.service import RPCError

    from app import temporal, temporal_check
    from workflows.errors import TemporalDownError

    where = target or temporal.address()
    start = f"Start it, or set TEMPORAL_ADDRESS; {where} was tried."
    try:
        client = await temporal.connect(target)
        missing = await temporal_check.missing_attributes(client)
        polled = await temporal_check.polled(client)
    except TemporalDownError as fault:
        return [_wrong("Temporal", str(fault), start)]
    except RPCError as fault:
        finding = f"{where} refuses: {fault.message}"
        return [_wrong("Temporal", finding, "Check TEMPORAL_NAMESPACE and TEMPORAL_API_KEY.")]
    if missing:
        finding = f"reachable, without the search attributes {', '.join(missing)}"
        return [_wrong("Temporal", finding, "Run `dunning temporal setup`.")]
    checks = [_ok("Temporal", f"{client.namespace} at {where}, search attributes there")]
    if polled:
        return [*checks, _ok("worker", "polls")]
    return [*checks, _note("worker", "none polls", "Start `dunning worker`, or no case moves.")]


async def _policy(settings: Settings) -> Iterable[Check]:
    from app import wiring

    try:
        policy = wiring.policy(settings)
    except DunningError as fault:
        checked = "Correct it; `dunning policy check FILE` names each problem."
        return [_wrong("policy", str(fault), checked)]
    templates = await asyncio.to_thread(_templates, settings, policy)
    return [_linted(settings, policy), templates, *await _in_force(settings, policy)]


async def _in_force(settings: Settings, policy: Policy) -> list[Check]:
    """Which policy new cases begin under, once one was published."""
    from store import migrations
    from store.database import Database
    from store.policies import Policies

    if settings.database_url is None:
        return []
    url = settings.database_url.get_secret_value()
    if await asyncio.to_thread(migrations.pending, url):
        return []
    database = Database.connect(url, pool_size=1)
    try:
        versions = await Policies(database).versions()
    finally:
        await database.aclose()
    published = next((one for one in versions if one.version is not None), None)
    if published is None:
        return [_ok("policy in force", "that of the file; none was published yet")]
    finding = f"published version {published.version} ({published.digest[:12]})"
    if published.digest == policy.digest:
        return [_ok("policy in force", finding)]
    step = "If the file is the newer one, `dunning policy publish` puts it in force."
    return [_note("policy in force", f"{finding}, which is not the file's", step)]


def _linted(settings: Settings, policy: Policy) -> Check:
    name = str(settings.policy) if settings.policy else "the default one"
    found = sorted(findings(policy, settings.templates, settings), key=lambda one: one.note)
    if found:
        first, told = found[0], _note if found[0].note else _wrong
        return told("policy", f"{name}: {first.path}: {first.problem}", first.fix)
    if settings.policy is None:
        step = "Run `dunning init DIR`, write your brand into it, and set DUNNING_POLICY."
        return _note("policy", "the default one, whose brand is an example", step)
    return _ok("policy", f"{name}, version {policy.digest[:12]}")


def _templates(settings: Settings, policy: Policy) -> Check:
    """Each template is rendered with full, scarce and long values."""
    from messages.preview import write_preview
    from messages.render import Renderer

    try:
        renderer = Renderer(settings.templates, default_locale=policy.account.locale)
        with tempfile.TemporaryDirectory() as folder:
            write_preview(renderer, Path(folder), policy.brand)
    except DunningError as fault:
        return _wrong("templates", str(fault), "Correct it, then `dunning message preview`.")
    return _ok("templates", "all can be rendered")


async def _revtain(settings: Settings) -> Iterable[Check]:
    if settings.revtain_api_key is None:
        finding = "no API key, so Revtain is not asked when its last word does not come"
        return [_note("Revtain", finding, "Set REVTAIN_API_KEY, to lose nothing in an outage.")]
    try:
        await try_revtain(settings)
    except VendorFaultError as fault:
        return [_wrong("Revtain", str(fault), fault.next_step)]
    where = f" at {settings.revtain_base_url}" if settings.revtain_base_url else ""
    return [_ok("Revtain", f"accepts the API key{where}")]


async def _sendgrid(settings: Settings) -> Iterable[Check]:
    unused = settings.email_transport is not EmailTransport.SENDGRID
    if unused or settings.sendgrid_api_key is None:
        return []
    key = settings.sendgrid_api_key.get_secret_value()
    try:
        await try_sendgrid(key, settings.sendgrid_base_url)
    except VendorFaultError as fault:
        return [_wrong("SendGrid", str(fault), fault.next_step)]
    where = f" at {settings.sendgrid_base_url}" if settings.sendgrid_base_url else ""
    return [_ok("SendGrid", f"accepts the key{where}")]


async def _smtp(settings: Settings) -> Iterable[Check]:
    if settings.email_transport is not EmailTransport.SMTP or settings.smtp_host is None:
        return []
    try:
        await try_smtp(settings)
    except VendorFaultError as fault:
        return [_wrong("SMTP", str(fault), fault.next_step)]
    done = "takes the connection" if settings.smtp_username is None else "accepts the log-in"
    return [_ok("SMTP", f"{settings.smtp_host} {done}")]


async def _push(settings: Settings) -> Iterable[Check]:
    if settings.fcm_service_account_file is None:
        step = "Set FCM_SERVICE_ACCOUNT_FILE, if your campaigns have push steps."
        return [_note("push", "not configured, so notifications are withheld", step)]
    try:
        await try_push(settings)
    except VendorFaultError as fault:
        return [_wrong("push", str(fault), fault.next_step)]
    return [_ok("push", "Google accepts the service account")]


async def _twilio(settings: Settings) -> Iterable[Check]:
    if settings.twilio_account_sid is None:
        step = "Set TWILIO_ACCOUNT_SID and what belongs to it, if your campaigns have texts."
        return [_note("Twilio", "not configured, so texts are withheld", step)]
    try:
        await try_twilio(settings)
    except VendorFaultError as fault:
        return [_wrong("Twilio", str(fault), fault.next_step)]
    where = f" at {settings.twilio_base_url}" if settings.twilio_base_url else ""
    return [_ok("Twilio", f"accepts the credentials{where}")]


async def _alerts(settings: Settings) -> Iterable[Check]:
    """Where the team is told; only schemes, since the URLs are secrets."""
    from app.alerting import targets

    found = await asyncio.to_thread(targets, settings)
    if not found.used and not found.left_out:
        step = "Set DUNNING_ALERT_URLS, so that your team hears of what needs a person."
        return [_note("alerts", "told to nobody", step)]
    names = ", ".join(target.name for target in found.used) or "nobody"
    told = f"told to {names}"
    if found.left_out:
        told += f"; left out: {', '.join(target.name for target in found.left_out)}"
    if found.empty or not found.used:
        missing = ", ".join(found.empty) or "what DUNNING_NOTIFICATION_CHANNELS names"
        step = "Add one to DUNNING_ALERT_URLS, or correct DUNNING_NOTIFICATION_CHANNELS."
        return [_note("alerts", f"{told}; there is no URL for {missing}", step)]
    return [_ok("alerts", f"{told}; `dunning alert test` tries them")]


async def _directories(settings: Settings) -> Iterable[Check]:
    """Each but the registry, which is the database, is asked for an invoice that cannot be."""
    from app import directories

    checks = list[Check]()
    for name, source in directories.sources(settings).items():
        try:
            found = await directories.attempt(source)
        except DunningError as fault:
            step = "Correct it; docs/directories.md says what is expected."
            checks.append(_wrong(f"directory {name}", str(fault), step))
        else:
            checks.append(_ok(f"directory {name}", found))
        finally:
            await source.aclose()
    return checks


async def _channels(url: str) -> list[Check]:
    """What waits because a vendor refuses us."""
    from store.channel_pauses import ChannelPauses
    from store.database import Database

    database = Database.connect(url, pool_size=1)
    try:
        waiting = await ChannelPauses(database).open()
    finally:
        await database.aclose()
    step = "Mend it; the channel goes on by itself, or at once with `dunning channel resume`."
    return [
        _wrong(f"channel {pause.channel.value}", f"waits: {pause.reason}", step)
        for pause in waiting
    ]


def _parts(sentence: str) -> tuple[str, str]:
    """What is wrong, and the rest: what to do."""
    finding, _, step = re.sub(r"[:.] ", "\n", sentence, count=1).partition("\n")
    return finding, step[:1].upper() + step[1:]
