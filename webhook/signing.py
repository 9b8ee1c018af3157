"""How does a receiver know that an event is from us? By the Standard Webhooks specification."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed(
    webhook_id: str, body: bytes, *, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The headers of one attempt: while secrets change, one signature by each of them."""
    moment = now.astimezone(UTC)
    signatures = (Webhook(secret).sign(webhook_id, moment, body.decode()) for secret in secrets)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
