"""Which object uses which? The one place where roles and vendors meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from activities.case import CaseDesk, NudgeDesk
from activities.devices import Devices
from activities.letters import Postbox, Writer
from activities.nudge import Nudger
from activities.opening import Opening
from activities.policies import Policies
from activities.truth import Truth
from app import clock, senders
from app.forecasts import Forecasts
from app.policy_file import default_policy_text, read_policy
from app.settings import Settings, SettingsError, required
from dunning.policy import Policy
from dunning.public_holidays import is_holiday
from messages.links import PayLinks
from messages.render import Renderer
from providers.revtain.reader import RevtainReader
from providers.revtain.signature import RevtainSignature
from providers.twilio.sender import TwilioText
from store.cases import Cases
from store.database import Database
from store.facts import Facts
from store.inbox import Inbox
from store.keys import ApiKeys
from store.ledger import Ledger
from store.matching import Matching
from store.open_cases import OpenCases
from store.policies import Policies as KeptPolicies
from store.push_tokens import PushTokens
from store.references import References
from store.registry import Registry
from store.settlement import Settlements
from store.standing import Standings
from web.operations import Operations
from webhook.dispatcher import Dispatcher
from webhook.handling import Handler
from webhook.intake import Intake
from webhook.sweep import Sweep
from workflows.client import CaseClient

REVTAIN = "revtain"
SIGNATURE_HEADER = "x-revtain-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """All tables behind one pool."""

    database: Database
    inbox: Inbox
    registry: Registry
    matching: Matching
    settlements: Settlements
    standings: Standings
    cases: Cases
    ledger: Ledger
    keys: ApiKeys
    facts: Facts
    references: References
    policies: KeptPolicies
    push_tokens: PushTokens


def stores(settings: Settings, *, pool_size: int = 10) -> Stores:
    """Stores on the configured database; nothing is connected before the first use."""
    url = required(settings.database_url, "DUNNING_DATABASE_URL").get_secret_value()
    database = Database.connect(url, pool_size=pool_size)
    return Stores(
        database=database,
        inbox=Inbox(database),
        registry=Registry(database, settings.token_key),
        matching=Matching(database),
        settlements=Settlements(database),
        standings=Standings(database, settings.token_key),
        cases=Cases(database),
        ledger=Ledger(database, settings.token_key),
        keys=ApiKeys(database),
        facts=Facts(database),
        references=References(database),
        policies=KeptPolicies(database),
        push_tokens=PushTokens(database),
    )


def policy(settings: Settings) -> Policy:
    """The configured policy, or the default one; PolicyError names every problem."""
    if settings.policy is None:
        return read_policy(default_policy_text())[0]
    try:
        text = settings.policy.read_text(encoding="utf-8")
    except OSError as fault:
        raise SettingsError(
            f"DUNNING_POLICY: {settings.policy} cannot be read ({fault.strerror}). "
            "Give the path of a policy file; `dunning init DIR` writes one."
        ) from fault
    return read_policy(text)[0]


def operations(
    stores: Stores,
    client: CaseClient,
    *,
    now: Callable[[], datetime] = clock.now,
    arrived: asyncio.Event | None = None,
) -> Operations:
    """What people and systems may change; `arrived` wakes a dispatcher in the same process."""
    return Operations(
        registry=stores.registry,
        cases=stores.cases,
        ledger=stores.ledger,
        inbox=stores.inbox,
        facts=stores.facts,
        references=stores.references,
        client=client,
        now=now,
        arrived=arrived or asyncio.Event(),
    )


def links(settings: Settings) -> PayLinks:
    """The links of the configured public address."""
    return PayLinks(secret_key=settings.key, public_url=settings.public_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the web process runs beside its pages."""

    intake: Intake
    dispatcher: Dispatcher
    sweep: Sweep


def door(
    settings: Settings,
    stores: Stores,
    client: CaseClient,
    *,
    now: Callable[[], datetime] = clock.now,
) -> Door:
    """The intake of Revtain's events and their dispatch."""
    secrets = [s.get_secret_value() for s in settings.revtain_webhook_secret]
    if not secrets:
        required(None, "REVTAIN_WEBHOOK_SECRET")
    reader = RevtainReader()
    intake = Intake(
        source=REVTAIN,
        inbox=stores.inbox,
        check=RevtainSignature(secrets),
        reader=reader,
        token_key=settings.token_key,
    )
    policies = Policies(kept=stores.policies, current=policy(settings))
    handler = Handler(
        reader=reader,
        matching=stores.matching,
        settlements=stores.settlements,
        registry=stores.registry,
        cases=stores.cases,
        client=client,
        forecasts=Forecasts(policies, stores.registry).of,
        now=now,
        test_mode=settings.test_mode,
    )
    dispatcher = Dispatcher(
        inbox=stores.inbox, handler=handler, arrived=intake.arrived, busy=intake.busy
    )
    return Door(
        intake=intake,
        dispatcher=dispatcher,
        sweep=Sweep(cases=stores.cases, client=client, now=now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """What the worker process carries out."""

    case: CaseDesk
    nudge: NudgeDesk


def opening(stores: Stores, current: Policy) -> Opening:
    """How cases are planned; `current` counts until a policy is published."""
    truth = Truth(
        standings=stores.standings,
        inbox=stores.inbox,
        settlements=stores.settlements,
        reader=RevtainReader(),
    )
    policies = Policies(kept=stores.policies, current=current)
    return Opening(truth=truth, policies=policies, open_cases=OpenCases(stores.database))


async def postbox(
    settings: Settings,
    now: Callable[[], datetime],
    stack: AsyncExitStack,
    tokens: PushTokens | None = None,
) -> Postbox:
    """All configured vendors, open until the stack ends; devices only with their `tokens`."""
    email = await senders.email(settings, now, stack)
    text = _twilio(settings, now)
    if text is not None:
        await stack.enter_async_context(text)
    push = None if tokens is None else senders.push(settings, now)
    if push is not None:
        await stack.enter_async_context(push)
    return Postbox(
        email=email,
        text=text,
        sender=required(settings.email_from, "DUNNING_EMAIL_FROM").get_secret_value(),
        push=Devices(sender=push, tokens=tokens) if push and tokens else None,
    )


@asynccontextmanager
async def desks(
    settings: Settings, stores: Stores, *, now: Callable[[], datetime] = clock.now
) -> AsyncGenerator[Desks]:
    """The activities, with the vendors' clients open."""
    pinned = policy(settings)
    async with AsyncExitStack() as stack:
        post = await postbox(settings, now, stack, stores.push_tokens)
        # The first question takes half a second, in which no other case should have to wait.
        await asyncio.to_thread(is_holiday, ("US",), now().date())
        opens = opening(stores, pinned)
        renderer = Renderer(settings.templates, default_locale=pinned.account.locale)
        nudger = Nudger(
            truth=opens.truth,
            policies=opens.policies,
            ledger=stores.ledger,
            writer=Writer(renderer=renderer, links=links(settings)),
            postbox=post,
        )
        yield Desks(
            case=CaseDesk(opening=opens, cases=stores.cases, nudger=nudger),
            nudge=NudgeDesk(cases=stores.cases, nudger=nudger),
        )


def _twilio(settings: Settings, now: Callable[[], datetime]) -> TwilioText | None:
    if settings.twilio_account_sid is None:
        return None
    if settings.twilio_from is None and settings.twilio_messaging_service_sid is None:
        required(None, "TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID")
    token, secret = settings.twilio_auth_token, settings.twilio_api_secret
    if token is None and (settings.twilio_api_key is None or secret is None):
        required(None, "TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with TWILIO_API_SECRET,")
    return TwilioText(
        settings.twilio_account_sid,
        now=now,
        auth_token=token.get_secret_value() if token else None,
        api_key=settings.twilio_api_key,
        api_secret=secret.get_secret_value() if secret else None,
        from_number=settings.twilio_from,
        messaging_service_sid=settings.twilio_messaging_service_sid,
        base_url=settings.twilio_base_url,
    )
