"""Which settings does the program run with? Read once from the environment, then passed down."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dunning.errors import DunningError

_PREFIX = "DUNNING_"
_OF_TESTS = frozenset({"DUNNING_SPECS"})
_SHORTEST_KEY = 32


class EmailTransport(StrEnum):
    """What emails go through."""

    SENDGRID = "sendgrid"
    SMTP = "smtp"


class SmtpTls(StrEnum):
    """How the connection to the SMTP server is encrypted."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class SettingsError(DunningError):
    """A setting is missing or wrong; each line names it and says what to do."""


def _web_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_KEY:
        raise ValueError(
            f"must have at least {_SHORTEST_KEY} characters; make one with `openssl rand -hex 32`"
        )
    return value


WebUrl = Annotated[str, AfterValidator(_web_url)]


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
    secret_key: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
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
    revtain_webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        alias="REVTAIN_WEBHOOK_SECRET",
        description="Revtain's signing secret; several, comma-separated, while rotating",
    )
    sendgrid_api_key: SecretStr | None = Field(
        None, alias="SENDGRID_API_KEY", description="SendGrid key with the scope Mail Send"
    )
    sendgrid_base_url: WebUrl | None = Field(
        None, alias="SENDGRID_BASE_URL", description="Another address of SendGrid's API"
    )
    twilio_account_sid: str | None = Field(
        None,
        alias="TWILIO_ACCOUNT_SID",
        description="Twilio account; texts are withheld without it",
    )
    twilio_auth_token: SecretStr | None = Field(
        None, alias="TWILIO_AUTH_TOKEN", description="Its token, or use the API key below"
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
        found = values.get("REVTAIN_WEBHOOK_SECRET")
        if isinstance(found, str):
            secrets = tuple(part.strip() for part in found.split(","))
            return {**values, "REVTAIN_WEBHOOK_SECRET": secrets}
        return values

    @property
    def token_key(self) -> bytes:
        """The key under which tokens and addresses are digested."""
        return hmac.new(self.key.encode(), b"tokens", hashlib.sha256).digest()

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
