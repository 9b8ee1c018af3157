"""Which access tokens of Google's are live, and which devices are gone?"""

import secrets
from collections.abc import Iterable

import jwt

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_LONGEST_S = 3600


class FcmDevices:
    """Access tokens that were bought, and how each device answers."""

    def __init__(self) -> None:
        self._live: set[str] = set()
        self._gone: set[str] = set()
        self.malformed: set[str] = set()
        """Tokens that are none to the vendor."""
        self.foreign: set[str] = set()
        """Tokens of another project."""

    def buy(self, assertion: str, *, url: str, keys: dict[str, str]) -> str | None:
        """An access token; None when the claim is not one of an account that is known."""
        if not _is_sound(assertion, url, keys):
            return None
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self._live.add(token)
        return token

    def is_live(self, token: str) -> bool:
        return token in self._live

    def revoke_access(self) -> None:
        """No access token that was bought until now is good any more."""
        self._live.clear()

    def unregister(self, tokens: Iterable[str]) -> None:
        """The app was removed from these devices."""
        self._gone.update(tokens)

    def is_gone(self, token: str) -> bool:
        return token in self._gone

    @property
    def gone(self) -> list[str]:
        return sorted(self._gone)

    def clear(self) -> None:
        self._live.clear()
        self._gone.clear()
        self.malformed.clear()
        self.foreign.clear()


def _is_sound(assertion: str, url: str, keys: dict[str, str]) -> bool:
    """Signed by the account's key if keys are known; without any, whoever claims is believed."""
    try:
        issuer = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss"))
        claims = jwt.decode(
            assertion,
            keys.get(issuer, ""),
            algorithms=["RS256"],
            audience=url,
            options={"verify_signature": bool(keys), "require": ["iss", "scope", "iat", "exp"]},
        )
    except (jwt.PyJWTError, ValueError):
        return False
    life = int(claims["exp"]) - int(claims["iat"])
    return str(claims["scope"]) == _SCOPE and 0 < life <= _LONGEST_S
