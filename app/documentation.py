"""Which settings are there, for people? Writes .env.example and docs/configuration.md.

`python -m app.documentation` in a source checkout writes both; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import cast

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from app.settings import Settings

_ROOT = Path(__file__).resolve().parents[1]
_EXAMPLES = {
    "DUNNING_DATABASE_URL": "postgresql://dunning:password@127.0.0.1:5432/dunning",
    "DUNNING_POLICY": "config/policy.yaml",
    "DUNNING_PUBLIC_URL": "https://billing.example.com",
    "DUNNING_SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "DUNNING_PAY_URL_SECRET": "fedcba9876543210fedcba9876543210",
    "DUNNING_EMAIL_FROM": "billing@example.com",
    "DUNNING_METRICS_PORT": "9090",
    "DUNNING_ALERT_URLS": "slack://TokenA/TokenB/TokenC, mailto://user:password@example.com",
    "DUNNING_NOTIFICATION_CHANNELS": "WEBHOOK, EMAIL",
    "DUNNING_DIRECTORY_URL": "https://shop.example/dunning/invoices/{invoice_id}",
    "DUNNING_DIRECTORY_TRANSACTION_URL": "https://shop.example/dunning/payments/{transaction_id}",
    "DUNNING_DIRECTORY_SQL_URL": "postgresql://reader:password@db.example/shop",
    "DUNNING_DIRECTORY_SQL_FILE": "config/directory.yaml",
    "REVTAIN_WEBHOOK_SECRET": "whsec_example",
    "REVTAIN_API_KEY": "rev_example",
    "REVTAIN_BASE_URL": "https://api.revtain.com",
    "SENDGRID_API_KEY": "SG.example",
    "SENDGRID_BASE_URL": "https://api.eu.sendgrid.com",
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
    "TWILIO_AUTH_TOKEN": "example",
    "TWILIO_API_KEY": "SK00000000000000000000000000000000",
    "TWILIO_API_SECRET": "example",
    "TWILIO_FROM": "+15005550006",
    "TWILIO_MESSAGING_SERVICE_SID": "MG00000000000000000000000000000000",
    "TWILIO_BASE_URL": "https://api.dublin.ie1.twilio.com",
    "DUNNING_SMTP_HOST": "smtp.example.com",
    "DUNNING_SMTP_PORT": "587",
    "DUNNING_SMTP_USERNAME": "billing",
    "DUNNING_SMTP_PASSWORD": "example",
    "FCM_SERVICE_ACCOUNT_FILE": "config/firebase.json",
    "FCM_PROJECT_ID": "shop-app",
    "FCM_BASE_URL": "https://fcm.googleapis.com",
    "TEMPORAL_CLI": "/usr/local/bin/temporal",
}
# Read by Temporal's SDK, whose documentation has them all.
_OF_THE_SDK = (
    ("TEMPORAL_ADDRESS", "127.0.0.1:7233", "host:port of the Temporal server"),
    ("TEMPORAL_NAMESPACE", "default", "Its namespace"),
    ("TEMPORAL_API_KEY", None, "API key, for Temporal Cloud"),
    ("TEMPORAL_TLS", None, "`true` encrypts the connection; an API key does so by itself"),
    ("TEMPORAL_PROFILE", None, "Profile of the SDK's configuration file to take all this from"),
)
_OF_COMPOSE = (
    ("POSTGRES_PASSWORD", None, "Password of the database that `docker compose up` makes"),
)
_TITLES = {
    "DUNNING": "Dunning",
    "REVTAIN": "Revtain",
    "SENDGRID": "SendGrid",
    "TWILIO": "Twilio",
    "FCM": "Firebase Cloud Messaging",
    "TEMPORAL": "Temporal",
}
_COMPOSE = "Docker Compose"
_INTRODUCTION = (
    "Settings are environment variables, read once at the start. An unknown `DUNNING_` name, a "
    "blank or a bad value stops the start with a sentence that names the setting."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting as people read of it."""

    name: str
    default: str | None
    description: str

    @property
    def example(self) -> str:
        return _EXAMPLES.get(self.name) or self.default or "example"


def groups() -> dict[str, list[Entry]]:
    """All settings by title, in the order of the class."""
    found: dict[str, list[Entry]] = {title: [] for title in _TITLES.values()}
    for entry in _own():
        found[_TITLES[entry.name.partition("_")[0]]].append(entry)
    sdk = [Entry(name=n, default=d, description=text) for n, d, text in _OF_THE_SDK]
    found[_TITLES["TEMPORAL"]] = [*sdk, *found[_TITLES["TEMPORAL"]]]
    compose = [Entry(name=n, default=d, description=text) for n, d, text in _OF_COMPOSE]
    return {**found, _COMPOSE: compose}


def _own() -> Iterator[Entry]:
    for field in Settings.model_fields.values():
        yield Entry(
            name=str(field.alias),
            default=_written(field.default),
            description=field.description or "",
        )


def _written(default: object) -> str | None:
    match default:
        case None | () | SecretStr():
            return None
        case tuple():
            return ", ".join(map(str, cast("tuple[object, ...]", default)))
        case bool():
            return str(default).lower()
        case Enum():
            return str(default.value)
        case _:
            return None if default is PydanticUndefined else str(default)


def env_example() -> str:
    """The text of .env.example: everything commented out, since a blank is refused."""
    lines = ["# Copy to .env and uncomment what you set. See docs/configuration.md.", ""]
    for title, entries in groups().items():
        lines += [f"# --- {title}", ""]
        for entry in entries:
            default = f" (default: {entry.default})" if entry.default is not None else ""
            lines += [f"# {entry.description}{default}", f"#{entry.name}={entry.example}", ""]
    return "\n".join(lines).rstrip() + "\n"


def configuration() -> str:
    """The text of docs/configuration.md."""
    lines = ["# Configuration", "", _INTRODUCTION, ""]
    for title, entries in groups().items():
        lines += [f"## {title}", "", "| Setting | Default | What it is |", "|---|---|---|"]
        for entry in entries:
            default = f"`{entry.default}`" if entry.default is not None else ""
            lines.append(f"| `{entry.name}` | {default} | {entry.description} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


FILES = {".env.example": env_example, "docs/configuration.md": configuration}


def write(root: Path) -> None:
    """Write both files of a source checkout."""
    for name, text in FILES.items():
        (root / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write(_ROOT)
