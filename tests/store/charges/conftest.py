"""An invoice with a new card, and all that charges it, on a real database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from activities.charge_answers import Answers
from activities.charging import Charging
from activities.known_charges import KnownCharges
from activities.policies import Policies
from activities.truth import Truth
from app.policy_file import default_policy_text, read_policy
from providers.revtain.reader import RevtainReader
from store.alerts import Alerts
from store.call_budget import CallBudget
from store.charges import Charges
from store.inbox import Inbox
from store.policies import Policies as Kept
from store.settlement import Settlements
from store.standing import Standings
from tests.store.charges.scripted import (
    RECOVERED,
    ScriptedRevtain,
)
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register


@pytest.fixture
def revtain() -> ScriptedRevtain:
    return ScriptedRevtain(answers=[RECOVERED])


@pytest.fixture
def charging(database: Database, revtain: ScriptedRevtain) -> Charging:
    settlements, charges = Settlements(database), Charges(database, TOKEN_KEY)
    reader = RevtainReader()
    limit = CallBudget(database, burst=1000, a_minute=60_000)
    policy, _ = read_policy(default_policy_text())
    return Charging(
        truth=Truth(
            standings=Standings(database, TOKEN_KEY),
            inbox=Inbox(database),
            settlements=settlements,
            reader=reader,
        ),
        policies=Policies(kept=Kept(database), current=policy),
        charges=charges,
        known=KnownCharges(
            charges=charges,
            settlements=settlements,
            answers=Answers(reader),
            limit=limit,
            alerts=Alerts(database),
            source=revtain,
        ),
        limit=limit,
        charger=revtain,
    )


@pytest.fixture(autouse=True)
async def case(register: Register, registry: Registry, cases: Cases, now: datetime) -> None:
    """Invoice INV-1 has a case, and since today a new card."""
    await register(payment_method_token="pm_1", customer={"id": "cus_1", "email": "a@example.com"})
    await cases.open_many(["INV-1"], now)
    await registry.replace_card("INV-1", "pm_2")
