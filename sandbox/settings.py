"""How is the sandbox set up: which keys it accepts, and where its webhooks go?"""

from pydantic import BaseModel, ConfigDict, Field

from sandbox.rates import SendGridLimit, TwilioLimit

_MINUTE = 60.0
_HOUR = 3600.0


class SandboxSettings(BaseModel):
    """An empty list of keys or senders accepts any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sendgrid_api_keys: tuple[str, ...] = ()
    sendgrid_sender_domains: tuple[str, ...] = ()
    sendgrid_events_url: str | None = None
    """Where events go; none are reported without it."""
    sendgrid_event_key: str | None = None
    """Private key on the curve P-256 in PEM; a new one at each start without it."""
    sendgrid_redelivery_s: tuple[float, ...] = (
        *(0.0, 30.0),
        *(2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR),
    )
    """Seconds after an event at which it is posted, until any 2xx answers it."""
    sendgrid_limit: SendGridLimit = SendGridLimit()
    reports_after_s: float = Field(default=1.0, ge=0)
    """What a vendor takes to report on a message by itself; scaled by `time_factor`."""
    twilio_credentials: dict[str, str] = Field(default_factory=dict)
    """Basic authentication: account SID or API key SID, and its secret."""
    twilio_senders: tuple[str, ...] = ()
    twilio_account_sid: str = "AC" + "0" * 32
    """Whose incoming texts are that nobody was written to before."""
    twilio_auth_token: str = "sandbox"  # noqa: S105 - a published value for trials
    """Signs what goes to accounts that `twilio_credentials` does not name."""
    twilio_shared_key: tuple[str, str] | None = None
    """Id and secret of a shared key, which then signs in place of the token, with SHA-256."""
    twilio_number: str = "+15005550006"
    """The number behind messaging services."""
    twilio_replies_url: str | None = None
    twilio_reports: bool = True
    """Whether texts whose sender gave a `StatusCallback` are reported by themselves."""
    callback_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    """What a `StatusCallback` may name; any other address is noted and not called."""
    twilio_limit: TwilioLimit = TwilioLimit()
    fcm_keys: dict[str, str] = Field(default_factory=dict)
    """Service account's address to its public key in PEM."""
    revtain_api_keys: tuple[str, ...] = ()
    revtain_vault: bool = True
    """Whether the account has the vault, and with it hosted pages for new cards."""
    webhook_url: str | None = None
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - a published value for trials
    redelivery_s: tuple[float, ...] = (
        *(0.0, 2.0, 8.0),
        *(_MINUTE, 5 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR),
    )
    """Seconds after the event at which delivery is tried, until one is answered with 200."""
    time_factor: float = Field(default=1.0, ge=0)
    """Scales all waits before and between reports, so that a day may pass in a moment."""
    answer_within_s: float = Field(default=10.0, gt=0)
