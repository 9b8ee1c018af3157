"""How is the sandbox set up: which keys it accepts, and where its webhooks go?"""

from pydantic import BaseModel, ConfigDict, Field

_MINUTE = 60.0
_HOUR = 3600.0


class SandboxSettings(BaseModel):
    """An empty list of keys or senders accepts any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sendgrid_api_keys: tuple[str, ...] = ()
    sendgrid_sender_domains: tuple[str, ...] = ()
    twilio_credentials: dict[str, str] = Field(default_factory=dict)
    """Basic authentication: account SID or API key SID, and its secret."""
    twilio_senders: tuple[str, ...] = ()
    fcm_keys: dict[str, str] = Field(default_factory=dict)
    """Service account's address to its public key in PEM."""
    revtain_api_keys: tuple[str, ...] = ()
    webhook_url: str | None = None
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - a published value for trials
    redelivery_s: tuple[float, ...] = (
        *(0.0, 2.0, 8.0),
        *(_MINUTE, 5 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR),
    )
    """Seconds after the event at which delivery is tried, until one is answered with 200."""
    time_factor: float = Field(default=1.0, ge=0)
    """Scales `redelivery_s`, so that a day may pass in a moment."""
    answer_within_s: float = Field(default=10.0, gt=0)
