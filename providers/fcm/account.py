"""As whom do we speak to Google? A service account, read from the file of its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from google.auth import crypt, jwt

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

_NEEDED = ("client_email", "private_key", "project_id", "token_uri")

# The library's functions carry no annotations.
_Signer: Any = crypt.RSASigner
_jwt: Any = jwt


class AccountFileError(Exception):
    """The file is not the key of a service account; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """What the file of a key says. Holds the private key: never logged."""

    email: str
    project: str
    token_url: str
    signer: Any

    def assertion(self, scope: str, *, now: datetime, life: timedelta) -> str:
        """A signed claim that buys an access token (RFC 7523)."""
        issued = int(now.timestamp())
        claims = {
            "iss": self.email,
            "scope": scope,
            "aud": self.token_url,
            "iat": issued,
            "exp": issued + int(life.total_seconds()),
        }
        signed: bytes = _jwt.encode(self.signer, claims)
        return signed.decode("ascii")


def read_account(path: Path) -> ServiceAccount:
    """Raise `AccountFileError` when the file is not there, or not the key of an account."""
    try:
        document: object = json.loads(path.read_bytes())
    except OSError as fault:
        raise AccountFileError(
            f"{path} cannot be read ({fault.strerror}); give the path of a service account's key"
        ) from None
    except ValueError:
        raise _not_a_key(path, "it is not JSON") from None
    return _account(path, document)


def _account(path: Path, document: object) -> ServiceAccount:
    fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    missing = [name for name in _NEEDED if not isinstance(fields.get(name), str)]
    if missing:
        raise _not_a_key(path, f"it lacks {', '.join(missing)}")
    try:
        signer = _Signer.from_service_account_info(fields)
    except ValueError:
        raise _not_a_key(path, "its private_key cannot be used") from None
    email, _, project, token_url = (str(fields[name]) for name in _NEEDED)
    return ServiceAccount(email=email, project=project, token_url=token_url, signer=signer)


def _not_a_key(path: Path, why: str) -> AccountFileError:
    return AccountFileError(
        f"{path} is not the key of a service account: {why}; download a new private key from "
        "the Firebase console, under service accounts"
    )
