"""What does a web process run beside its pages: intake, dispatch, sweeps and deliveries?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from activities.directories import Directories
from activities.policies import Policies
from app import clock, directories, feedback, inbound, senders
from app.background import Task
from app.feedback import Feedback, Listening
from app.forecasts import Forecasts
from app.recoveries import RecoverySweep, sweep
from app.recovery import Recovery, recovery
from app.settings import Settings, required
from app.wiring import Stores, operations, policy, zones
from providers.merchant.receiver import MerchantReceiver
from providers.revtain.reader import RevtainReader
from providers.revtain.signature import RevtainSignature
from store.erasure import ERASURE_SOURCE
from store.suppressions import REACH_SOURCE
from store.sweeps import Sweeps
from webhook.dispatcher import Dispatcher
from webhook.erasure import ErasureHandler
from webhook.handling import Handler
from webhook.inbound_door import InboundDoor
from webhook.intake import Intake
from webhook.outgoing import Deliverer
from webhook.reach import ReachHandler
from webhook.retention import RetentionTask
from webhook.sweep import Sweep
from workflows.client import CaseClient

REVTAIN = "revtain"
SIGNATURE_HEADER = "x-revtain-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the web process runs beside its pages."""

    intake: Intake
    dispatcher: Dispatcher
    sweep: Sweep
    retention: RetentionTask
    receiver: MerchantReceiver
    deliverer: Deliverer
    looked_up: Directories
    replies: InboundDoor | None = None
    listening: Listening = field(default_factory=Listening)
    recovery: Recovery
    recoveries: RecoverySweep

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What goes on in the background, by name."""
        return {
            "dispatch": self.dispatcher,
            "sweep": self.sweep,
            "retention": self.retention,
            "outgoing": self.deliverer,
            "reports": self.listening,
            "recovery": self.recovery,
            "recoveries": self.recoveries,
        }


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
    looked_up = directories.directories(settings, stores)
    handler = Handler(
        reader=reader,
        matching=stores.matching,
        settlements=stores.settlements,
        registry=stores.registry,
        cases=stores.cases,
        client=client,
        forecasts=Forecasts(policies, stores.registry).of,
        now=now,
        others={
            REACH_SOURCE: ReachHandler(cases=stores.cases, client=client),
            ERASURE_SOURCE: ErasureHandler(client=client),
            inbound.SOURCE: inbound.handler(settings, stores.replies),
            **feedback.handlers(stores.reports, client),
        },
        finder=looked_up,
        test_mode=settings.test_mode,
    )
    dispatcher = Dispatcher(
        inbox=stores.inbox, handler=handler, arrived=intake.arrived, busy=intake.busy
    )
    receiver = MerchantReceiver(now=now)
    return Door(
        intake=intake,
        receiver=receiver,
        looked_up=looked_up,
        deliverer=Deliverer(
            outgoing=stores.outgoing, endpoints=stores.endpoints, receiver=receiver, now=now
        ),
        dispatcher=dispatcher,
        sweep=Sweep(cases=stores.cases, ledger=stores.ledger, client=client, now=now),
        retention=RetentionTask(stores.retention),
        recovery=recovery(settings, stores, intake.arrived, now=now),
        recoveries=sweep(
            settings,
            stores,
            operations(stores, client, zone_of=zones(settings), now=now, arrived=intake.arrived),
            now=now,
        ),
        listening=feedback.listening(
            settings,
            Feedback(
                inbox=stores.inbox,
                reports=stores.reports,
                sweeps=Sweeps(stores.database),
                arrived=intake.arrived,
            ),
            senders.text(settings, now),
            now=now,
        ),
        replies=inbound.door(
            settings,
            inbound.Inbound(
                inbox=stores.inbox,
                replies=stores.replies,
                policy=policy(settings),
                arrived=intake.arrived,
            ),
        ),
    )
