"""Which object uses which? The one place where roles and vendors meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from activities.case import CaseDesk, NudgeDesk
from activities.devices import Devices
from activities.directories import Directories
from activities.letters import Postbox, Writer
from activities.nudge import Nudger
from activities.opening import Opening
from activities.parting import Parting
from activities.pausing import Pausing
from activities.policies import Policies
from activities.reaching import Reaching
from activities.truth import Truth
from activities.zones import whereabouts
from app import clock, directories, senders
from app.charging import charging
from app.policy_file import default_policy_text, read_policy
from app.recovery import api
from app.settings import Settings, SettingsError, required
from app.template_names import template_names
from dunning.directory import Contact
from dunning.policy import Policy
from dunning.public_holidays import is_holiday
from messages.links import PayLinks, PreferenceLinks
from messages.render import Renderer
from providers.revtain.reader import RevtainReader
from store.alerts import Alerts
from store.audit import Audit
from store.cases import Cases
from store.channel_pauses import ChannelPauses
from store.charges import Charges
from store.closed_addresses import ClosedAddresses
from store.consents import Consents
from store.contacts import Contacts
from store.database import Database
from store.disclosure import Disclosure
from store.endpoints import Endpoints
from store.erasure import Erasure
from store.facts import Facts
from store.inbox import Inbox
from store.keys import ApiKeys
from store.ledger import Ledger
from store.matching import Matching
from store.open_cases import OpenCases
from store.outgoing import Outgoing
from store.policies import Policies as KeptPolicies
from store.preferences import Preferences
from store.push_tokens import PushTokens
from store.references import References
from store.registry import Registry
from store.replies import Replies
from store.reports import Reports
from store.retention import Keeping, Retention
from store.settlement import Settlements
from store.standing import Standings
from store.story import Chronicles
from store.suppressions import Suppressions
from web.consents import ConsentDesk
from web.operations import Operations
from web.personal_data import PersonalData
from workflows.client import CaseClient


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
    suppressions: Suppressions
    alerts: Alerts
    pauses: ChannelPauses
    charges: Charges
    audit: Audit
    chronicles: Chronicles
    erasure: Erasure
    disclosure: Disclosure
    retention: Retention
    endpoints: Endpoints
    outgoing: Outgoing
    consents: Consents
    replies: Replies
    contacts: Contacts
    closed_addresses: ClosedAddresses
    preferences: Preferences
    reports: Reports


def stores(settings: Settings, *, pool_size: int = 10) -> Stores:
    """Stores on the configured database; nothing is connected before the first use."""
    url = required(settings.database_url, "DUNNING_DATABASE_URL").get_secret_value()
    database = Database.connect(url, pool_size=pool_size)
    suppressions = Suppressions(database, settings.token_key)
    consents = Consents(database, settings.token_key)
    return Stores(
        database=database,
        inbox=Inbox(database),
        registry=Registry(database, settings.token_key),
        matching=Matching(database),
        settlements=Settlements(database),
        standings=Standings(database, settings.token_key),
        cases=Cases(database),
        ledger=Ledger(database, settings.token_key, keep_texts=settings.keep_texts > 0),
        keys=ApiKeys(database),
        facts=Facts(database),
        references=References(database),
        policies=KeptPolicies(database),
        push_tokens=PushTokens(database),
        suppressions=suppressions,
        alerts=Alerts(database),
        pauses=ChannelPauses(database),
        charges=Charges(database, settings.token_key),
        audit=Audit(database),
        chronicles=Chronicles(database, settings.token_key),
        erasure=Erasure(database, settings.token_key),
        disclosure=Disclosure(database, settings.token_key),
        retention=Retention(database, keeping(settings)),
        endpoints=Endpoints(database, settings.endpoint_key),
        outgoing=Outgoing(database),
        consents=consents,
        replies=Replies(database, suppressions, consents),
        contacts=Contacts(database),
        closed_addresses=ClosedAddresses(database, suppressions, consents),
        preferences=Preferences(database, suppressions, consents),
        reports=Reports(database, suppressions),
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
    zone_of: Callable[[Contact], str],
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
        audit=stores.audit,
        chronicles=stores.chronicles,
        client=client,
        now=now,
        zone_of=zone_of,
        arrived=arrived or asyncio.Event(),
    )


def zones(settings: Settings) -> Callable[[Contact], str]:
    """On whose clock a customer lives most probably; the policy is read when first asked."""

    @cache
    def account() -> str:
        return policy(settings).account.timezone

    return lambda contact: whereabouts(contact, account()).zone


def keeping(settings: Settings) -> Keeping:
    """For how long bodies and texts are kept."""
    return Keeping(
        events=timedelta(days=settings.keep_events), texts=timedelta(days=settings.keep_texts)
    )


def personal_data(stores: Stores, *, arrived: asyncio.Event | None = None) -> PersonalData:
    """What customers may ask for; `arrived` wakes a dispatcher in the same process."""
    return PersonalData(
        erasure=stores.erasure,
        disclosure=stores.disclosure,
        arrived=arrived or asyncio.Event(),
    )


def consent_desk(
    stores: Stores,
    *,
    now: Callable[[], datetime] = clock.now,
    arrived: asyncio.Event | None = None,
) -> ConsentDesk:
    """Consent and suppressions, by customer."""
    return ConsentDesk(
        contacts=stores.contacts,
        consents=stores.consents,
        closed=stores.closed_addresses,
        now=now,
        arrived=arrived or asyncio.Event(),
    )


def links(settings: Settings) -> PayLinks:
    """The links of the configured public address."""
    return PayLinks(secret_key=settings.key, public_url=settings.public_url)


def preference_links(settings: Settings) -> PreferenceLinks:
    """The links at which customers choose what they receive."""
    return PreferenceLinks(secret_key=settings.key, public_url=settings.public_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """What the worker process carries out."""

    case: CaseDesk
    nudge: NudgeDesk


def opening(
    settings: Settings,
    stores: Stores,
    current: Policy,
    looked_up: Directories | None = None,
) -> Opening:
    """How cases are planned; `current` counts until a policy is published."""
    names = template_names(settings.templates, current)
    truth = Truth(
        standings=stores.standings,
        inbox=stores.inbox,
        settlements=stores.settlements,
        reader=RevtainReader(),
        directories=looked_up,
    )
    policies = Policies(kept=stores.policies, current=current)
    return Opening(
        truth=truth,
        policies=policies,
        open_cases=OpenCases(stores.database),
        reaching=Reaching(suppressions=stores.suppressions, vendors=senders.channels(settings)),
        writes=lambda template, channel: template in names[channel],
    )


async def postbox(
    settings: Settings,
    now: Callable[[], datetime],
    stack: AsyncExitStack,
    tokens: PushTokens | None = None,
) -> Postbox:
    """All configured vendors, open until the stack ends; devices only with their `tokens`."""
    email = await senders.email(settings, now, stack)
    text = senders.text(settings, now)
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
        proof_within=senders.proof_within(settings),
        gates=senders.gates(email, text),
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
        looked_up = directories.directories(settings, stores)
        stack.push_async_callback(looked_up.aclose)
        opens = opening(settings, stores, pinned, looked_up)
        renderer = Renderer(settings.templates, default_locale=pinned.account.locale)
        nudger = Nudger(
            truth=opens.truth,
            policies=opens.policies,
            ledger=stores.ledger,
            writer=Writer(
                renderer=renderer,
                links=links(settings),
                preferences=preference_links(settings),
            ),
            postbox=post,
            reaching=opens.reaching,
            pausing=Pausing(pauses=stores.pauses),
            alerts=stores.alerts,
        )
        parting = Parting(truth=opens.truth, cases=stores.cases)
        revtain = api(settings, now)
        if revtain is not None:
            await stack.enter_async_context(revtain)
        yield Desks(
            case=CaseDesk(
                opening=opens,
                cases=stores.cases,
                nudger=nudger,
                parting=parting,
                charging=charging(stores, opens, revtain),
            ),
            nudge=NudgeDesk(cases=stores.cases, nudger=nudger, parting=parting),
        )
