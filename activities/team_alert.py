"""How does the team learn that a case has come to a point which its campaign names?"""

from __future__ import annotations

import structlog
from prometheus_client import Counter

from activities.attempt import Attempt
from dunning.alert import Alert, AlertKind
from dunning.events import Alerted
from store.alerts import Alerts

_ALERTS = Counter("dunning_team_alerts_total", "Alerts to the team, by campaign", ["campaign"])

_log = structlog.get_logger(__name__)


async def tell_team(alerts: Alerts, invoice_id: str, attempt: Attempt) -> Alerted:
    """Write it down for the team, once, and say it in log and metrics. The customer hears nothing.

    A later attempt finds it written down already.
    """
    campaign, step = attempt.case.campaign or "", attempt.step.id
    alert = Alert(
        kind=AlertKind.TEAM_ALERT,
        subject=invoice_id,
        detail={"step": step, "campaign": campaign},
        identity=f"{attempt.case.workflow_id} {step}",
    )
    if await alerts.add(alert):
        _ALERTS.labels(campaign).inc()
        _log.warning(
            "team_alert",
            invoice_id=invoice_id,
            case_id=attempt.case.workflow_id,
            step=step,
            campaign=campaign,
        )
    return Alerted(at=attempt.now)
