"""Which settings does the program run with? Read once from the environment, then passed down."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.setting_values import (
    Directories,
    EmailTransport,
    InvoiceUrl,
    Key,
    OptOutHandling,
    SmtpTls,
    TransactionUrl,
    Way,
    WebhookAlgorithm,
    WebUrl,
)
from dunning.channel import Channel
from dunning.errors import DunningError
from dunning.lookup import DirectoryName

_PREFIX = "DUNNING_"
_OF_TESTS = frozenset({"DUNNING_SPECS"})
_SEVERAL = (
    "REVTAIN_WEBHOOK_SECRET",
    "SENDGRID_WEBHOOK_PUBLIC_KEY",
    "TWILIO_WEBHOOK_SECRET",
    "DUNNING_NOTIFICATION_CHANNELS",
    "DUNNING_DIRECTORIES",
)


class SettingsError(DunningError):
    """A setting is missing or wrong; each line names it and says what to do."""


class Settings(BaseSettings):
    """Every setting there is. Vendors' settings keep the names that their users know."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: SecretStr | None = Field(
        None,
        alias="DUNNING_DATABASE_URL",
        description="PostgreSQL, postgresql://user:password@host/name",
    )
    data_dir: Path = Field(
        Path(".dunning"),
        alias="DUNNING_DATA_DIR",
        description="Where embedded servers keep their data",
    )
    policy: Path | None = Field(
        None,
        alias="DUNNING_POLICY",
        description="The policy file; templates lie in the folder `templates` beside it",
    )
    public_url: WebUrl = Field(
        "http://127.0.0.1:8080",
        alias="DUNNING_PUBLIC_URL",
        description="Where customers reach this service; the links in messages begin with it",
    )
    secret_key: Key | None = Field(
        None,
        alias="DUNNING_SECRET_KEY",
        description="Signs links and digests; at least 32 characters",
    )
    email_from: str | None = Field(
        None, alias="DUNNING_EMAIL_FROM", description="Sender address of all emails"
    )
    email_transport: EmailTransport = Field(
        EmailTransport.SENDGRID,
        alias="DUNNING_EMAIL_TRANSPORT",
        description="What emails go through: `sendgrid` or `smtp`",
    )
    smtp_host: str | None = Field(
        None, alias="DUNNING_SMTP_HOST", description="SMTP server that takes our emails"
    )
    smtp_port: int | None = Field(
        None,
        alias="DUNNING_SMTP_PORT",
        ge=1,
        le=65535,
        description="Its port; without it 587, or 465 with `implicit`, or 25 with `none`",
    )
    smtp_tls: SmtpTls = Field(
        SmtpTls.STARTTLS,
        alias="DUNNING_SMTP_TLS",
        description="Encryption: `starttls`, `implicit` (TLS from the start) or `none`",
    )
    smtp_username: str | None = Field(
        None, alias="DUNNING_SMTP_USERNAME", description="User name, if the server wants one"
    )
    smtp_password: SecretStr | None = Field(
        None, alias="DUNNING_SMTP_PASSWORD", description="Password of that user"
    )
    smtp_timeout: float = Field(
        20.0,
        alias="DUNNING_SMTP_TIMEOUT",
        gt=0,
        le=25,
        description="Seconds in which it must take our commands, and again the email itself",
    )
    host: str = Field(
        "127.0.0.1", alias="DUNNING_HOST", description="Address the web server listens on"
    )
    port: int = Field(8080, alias="DUNNING_PORT", ge=0, le=65535, description="Its port")
    metrics_port: int | None = Field(
        None,
        alias="DUNNING_METRICS_PORT",
        ge=0,
        le=65535,
        description="Port of /metrics; none without it",
    )
    test_mode: bool = Field(
        default=False,
        alias="DUNNING_TEST_MODE",
        description="Whether simulated events act like real ones",
    )
    alert_urls: SecretStr | None = Field(
        None,
        alias="DUNNING_ALERT_URLS",
        description="Where your team is told what needs it: Apprise URLs, separated by commas or"
        " white space",
    )
    notification_channels: Annotated[tuple[Way, ...], NoDecode] = Field(
        (),
        alias="DUNNING_NOTIFICATION_CHANNELS",
        description="Which kinds of these URLs are used, comma-separated: `WEBHOOK` (chat, pagers"
        " and the like), `EMAIL`, `SMS`; all without it",
    )
    report_wait: float = Field(
        15.0,
        alias="DUNNING_REPORT_WAIT",
        ge=0,
        le=1440,
        description="Minutes for which a report of SendGrid is awaited on an email of which nobody"
        " can tell whether it left; then a person must look",
    )
    emails_per_second: float = Field(
        20.0,
        alias="DUNNING_EMAILS_PER_SECOND",
        gt=0,
        description="How many emails leave in a second at most, over all workers",
    )
    texts_per_second: float = Field(
        20.0,
        alias="DUNNING_TEXTS_PER_SECOND",
        gt=0,
        description="The same of texts; Twilio queues what is above the rate of your numbers",
    )
    notifications_per_second: float = Field(
        20.0,
        alias="DUNNING_NOTIFICATIONS_PER_SECOND",
        gt=0,
        description="The same of notifications",
    )
    directories: Annotated[Directories, NoDecode] = Field(
        (DirectoryName.REGISTRY,),
        alias="DUNNING_DIRECTORIES",
        description="Where invoices are looked up before each message, comma-separated, in this"
        " order: `registry` (what was registered here), `http`, `sql`",
    )
    directory_url: InvoiceUrl | None = Field(
        None,
        alias="DUNNING_DIRECTORY_URL",
        description="Your look-up endpoint, for `http`",
    )
    directory_transaction_url: TransactionUrl | None = Field(
        None,
        alias="DUNNING_DIRECTORY_TRANSACTION_URL",
        description="The same for transactions that nobody registered; they wait without it",
    )
    directory_cache: float = Field(
        30.0,
        alias="DUNNING_DIRECTORY_CACHE",
        ge=0,
        le=3600,
        description="Seconds for which an answer holds, and one that gives none is left alone",
    )
    directory_sql_url: SecretStr | None = Field(
        None,
        alias="DUNNING_DIRECTORY_SQL_URL",
        description="Your own database, for `sql`; a user who may only read is enough",
    )
    directory_sql_file: Path | None = Field(
        None,
        alias="DUNNING_DIRECTORY_SQL_FILE",
        description="The file with the queries on it",
    )
    pay_url_secret: Key | None = Field(
        None,
        alias="DUNNING_PAY_URL_SECRET",
        description="Signs the addresses of `pay_page.template`, shared with your payment page; at"
        " least 32 characters",
    )
    keep_texts: int = Field(
        400,
        alias="DUNNING_KEEP_TEXTS",
        ge=0,
        le=36500,
        description="Days for which the texts of messages and replies are kept; `0` keeps none",
    )
    keep_events: int = Field(
        90,
        alias="DUNNING_KEEP_EVENTS",
        ge=1,
        le=36500,
        description="Days for which the bodies of webhooks are kept after they were handled",
    )
    revtain_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        alias="REVTAIN_WEBHOOK_SECRET",
        description="Revtain's signing secret; several, comma-separated, while rotating",
    )
    revtain_api_key: SecretStr | None = Field(
        None,
        alias="REVTAIN_API_KEY",
        description="Revtain's API key (rev_...); with it Revtain charges cards, and is asked how"
        " payments stand whose last word may have been lost (docs/revtain.md)",
    )
    revtain_base_url: WebUrl | None = Field(
        None, alias="REVTAIN_BASE_URL", description="Another address of Revtain's API"
    )
    sendgrid_api_key: SecretStr | None = Field(
        None, alias="SENDGRID_API_KEY", description="SendGrid key with the scope Mail Send"
    )
    sendgrid_base_url: WebUrl | None = Field(
        None, alias="SENDGRID_BASE_URL", description="Another address of SendGrid's API"
    )
    sendgrid_webhook_public_key: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        alias="SENDGRID_WEBHOOK_PUBLIC_KEY",
        description="Verification key of SendGrid's signed Event Webhook, which reports to"
        " `/webhooks/sendgrid`; several, comma-separated, while rotating",
    )
    twilio_account_sid: str | None = Field(
        None,
        alias="TWILIO_ACCOUNT_SID",
        description="Twilio account; texts are withheld without it",
    )
    twilio_auth_token: SecretStr | None = Field(
        None, alias="TWILIO_AUTH_TOKEN", description="Its token, or use the API key below"
    )
    twilio_webhook_algorithm: WebhookAlgorithm = Field(
        WebhookAlgorithm.SHA1,
        alias="TWILIO_WEBHOOK_ALGORITHM",
        description="What Twilio signs its webhooks with: `sha1` (the account's auth token) or"
        " `sha256` (a shared key)",
    )
    twilio_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        alias="TWILIO_WEBHOOK_SECRET",
        description="Secret of that shared key; several, comma-separated, while rotating",
    )
    twilio_api_key: str | None = Field(
        None, alias="TWILIO_API_KEY", description="API key SID (SK...), with its secret"
    )
    twilio_api_secret: SecretStr | None = Field(
        None, alias="TWILIO_API_SECRET", description="Secret of the API key"
    )
    twilio_from: str | None = Field(
        None, alias="TWILIO_FROM", description="Sending number, or use a messaging service"
    )
    twilio_messaging_service_sid: str | None = Field(
        None, alias="TWILIO_MESSAGING_SERVICE_SID", description="Messaging service (MG...)"
    )
    twilio_opt_out_handling: OptOutHandling = Field(
        OptOutHandling.VENDOR,
        alias="TWILIO_OPT_OUT_HANDLING",
        description="Who answers STOP, START and HELP when they are the whole text: `vendor`, as"
        " Twilio does by itself, or `ours` if it does not for this account",
    )
    twilio_base_url: WebUrl | None = Field(
        None, alias="TWILIO_BASE_URL", description="Another address of Twilio's API"
    )
    fcm_service_account_file: Path | None = Field(
        None,
        alias="FCM_SERVICE_ACCOUNT_FILE",
        description="Key file of the service account that sends notifications; they are withheld"
        " without it, and without the extra `push`",
    )
    fcm_project_id: str | None = Field(
        None, alias="FCM_PROJECT_ID", description="Firebase project, if not the account's own"
    )
    fcm_base_url: WebUrl | None = Field(
        None, alias="FCM_BASE_URL", description="Another address of Firebase's API"
    )
    temporal_cli: Path | None = Field(
        None, alias="TEMPORAL_CLI", description="The Temporal CLI that `dunning up` starts"
    )

    @model_validator(mode="before")
    @classmethod
    def _split_secrets(cls, values: Mapping[str, object]) -> Mapping[str, object]:
        found = {name: values[name] for name in _SEVERAL if isinstance(values.get(name), str)}
        split = {
            name: tuple(part.strip() for part in str(value).split(","))
            for name, value in found.items()
        }
        return {**values, **split}

    @property
    def token_key(self) -> bytes:
        """The key under which tokens and addresses are digested."""
        return hmac.new(self.key.encode(), b"tokens", hashlib.sha256).digest()

    @property
    def endpoint_key(self) -> bytes:
        """The key from which the secrets of the merchant's endpoints are derived."""
        return hmac.new(self.key.encode(), b"endpoints", hashlib.sha256).digest()

    @property
    def directory_key(self) -> bytes:
        """The key by which the merchant's look-up endpoint knows us."""
        return hmac.new(self.key.encode(), b"directory", hashlib.sha256).digest()

    @property
    def rates(self) -> dict[Channel, float]:
        """How many messages of each channel may leave in a second, over all workers."""
        return {
            Channel.EMAIL: self.emails_per_second,
            Channel.SMS: self.texts_per_second,
            Channel.PUSH: self.notifications_per_second,
        }

    @property
    def key(self) -> str:
        """The secret key; SettingsError without one."""
        return required(self.secret_key, "DUNNING_SECRET_KEY").get_secret_value()

    @property
    def templates(self) -> Path | None:
        """The merchant's own templates, if there are any."""
        folder = self.policy.parent / "templates" if self.policy else None
        return folder if folder is not None and folder.is_dir() else None


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; SettingsError names each one that is unknown, blank or wrong."""
    given = dict(os.environ if environment is None else environment)
    names = {str(field.alias) for field in Settings.model_fields.values()}
    problems = [*_unknown(given, names), *_blank(given, names)]
    if problems:
        raise SettingsError("\n".join(problems))
    try:
        return Settings.model_validate({n: v for n, v in given.items() if n in names})
    except ValidationError as fault:
        raise SettingsError("\n".join(_sentences(fault))) from None


def required(value: SecretStr | str | None, name: str) -> SecretStr:
    """A setting that this role cannot do without."""
    if value is None:
        raise SettingsError(f"{name} is not set. Set it in the environment; see .env.example.")
    return value if isinstance(value, SecretStr) else SecretStr(value)


def _unknown(given: Mapping[str, str], names: set[str]) -> list[str]:
    odd = sorted(n for n in given if n.startswith(_PREFIX) and n not in names | _OF_TESTS)
    return [
        f"{n} is not a setting of this program. Remove it; .env.example lists all." for n in odd
    ]


def _blank(given: Mapping[str, str], names: set[str]) -> list[str]:
    blank = sorted(n for n in names if n in given and not given[n].strip())
    return [f"{n} is set to nothing. Give it a value, or remove it." for n in blank]


def _sentences(fault: ValidationError) -> list[str]:
    told = ((e["loc"][0], e["msg"].removeprefix("Value error, ")) for e in fault.errors())
    return [f"{name}: {problem}." for name, problem in told]
