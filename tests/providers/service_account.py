"""As whom do the push tests speak to Google? An account whose key is made for this run."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "push@shop-app.iam.gserviceaccount.example"
PROJECT = "shop-app"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key() -> str:
    encoded = (
        _key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return encoded.decode()


def document(token_url: str) -> dict[str, str]:
    pem = _key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123",
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "token_uri": token_url,
    }


def account_file(folder: Path, token_url: str) -> Path:
    path = folder / "firebase.json"
    path.write_text(json.dumps(document(token_url)))
    return path
