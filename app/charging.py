"""How is whoever charges cards put together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.charge_answers import Answers
from activities.charging import Charging
from activities.known_charges import KnownCharges
from app.settings import SettingsError
from dunning.policy import ChargedBy
from providers.revtain.reader import RevtainReader
from store.call_budget import CallBudget

if TYPE_CHECKING:
    from activities.opening import Opening
    from app.settings import Settings
    from app.wiring import Stores
    from dunning.policy import Policy
    from providers.revtain.api import RevtainApi


def charging(stores: Stores, opens: Opening, revtain: RevtainApi | None) -> Charging:
    """Charges by the facts that cases are opened by; without Revtain all of it is put off."""
    limit = CallBudget(stores.database)
    return Charging(
        truth=opens.truth,
        policies=opens.policies,
        charges=stores.charges,
        known=KnownCharges(
            charges=stores.charges,
            settlements=stores.settlements,
            answers=Answers(RevtainReader()),
            limit=limit,
            alerts=stores.alerts,
            source=revtain,
        ),
        limit=limit,
        charger=revtain,
    )


def require_key(settings: Settings, policy: Policy) -> None:
    """SettingsError when the configured policy has us charge cards and nothing lets us."""
    ours = policy.new_card.charged_by is ChargedBy.US
    if ours and settings.revtain_api_key is None:
        raise SettingsError(
            "REVTAIN_API_KEY is not set, and the policy says new_card.charged_by: us. Set the key,"
            " or write `merchant` there and pass new cards on your next /execute call."
        )
