"""How does the team learn that a case has come to a point which its campaign names?"""

from __future__ import annotations

import structlog
from prometheus_client import Counter

from activities.attempt import Attempt
from dunning.events import Alerted

_ALERTS = Counter("dunning_team_alerts_total", "Alerts to the team, by campaign", ["campaign"])

_log = structlog.get_logger(__name__)


def tell_team(invoice_id: str, attempt: Attempt) -> Alerted:
    """Say it in the log and in the metrics, at least once. The customer hears nothing."""
    campaign = attempt.case.campaign or ""
    _ALERTS.labels(campaign).inc()
    _log.warning(
        "team_alert",
        invoice_id=invoice_id,
        case_id=attempt.case.workflow_id,
        step=attempt.step.id,
        campaign=campaign,
    )
    return Alerted(at=attempt.now)
