"""Are SendGrid's events told from forged, old and broken ones?"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sendgrid.helpers.eventwebhook import EventWebhook

from dunning.errors import BadSignatureError
from providers.sendgrid.event_signature import SendGridEventSignature

PRIVATE = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = '[{"email":"ada@example.com","event":"delivered","reason":"é"}]\r\n'.encode()
# The example that the vendor's own libraries are tested with.
KNOWN_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2f"
    "NNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
KNOWN_SIGNATURE = (
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0J"
    "uG+luQAbPIqHh89M15TluLtEZtM="
)
KNOWN_STAMP = "1600112502"
KNOWN_BODY = (
    '[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    '"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    '"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    '"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def shown(private: ec.EllipticCurvePrivateKey) -> str:
    key = private.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signed(
    body: bytes = BODY, stamp: str = STAMP, private: ec.EllipticCurvePrivateKey = PRIVATE
) -> str:
    made = private.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return base64.b64encode(made).decode()


def check(at: datetime = NOW, *keys: str) -> SendGridEventSignature:
    return SendGridEventSignature(keys or [shown(PRIVATE)], now=lambda: at)


def test_what_the_vendors_own_verifier_accepts_is_accepted() -> None:
    assert EventWebhook(shown(PRIVATE)).verify_signature(BODY.decode(), signed(), STAMP)
    check().verify(BODY, signed(), STAMP)


def test_a_known_delivery_of_the_vendor() -> None:
    at = datetime.fromtimestamp(int(KNOWN_STAMP), UTC)
    check(at, KNOWN_KEY).verify(KNOWN_BODY.encode(), KNOWN_SIGNATURE, KNOWN_STAMP)


def test_several_keys_count_while_they_change() -> None:
    check(NOW, shown(OTHER), shown(PRIVATE)).verify(BODY, signed(), STAMP)


def test_signed_bytes_need_not_be_text() -> None:
    check().verify(b"\xff\xfe", signed(b"\xff\xfe"), STAMP)


@pytest.mark.parametrize(
    ("body", "signature", "stamp"),
    [
        (BODY, None, STAMP),
        (BODY, signed(), None),
        (BODY, "", STAMP),
        (BODY, "not base64!", STAMP),
        (BODY, "ü", STAMP),
        (BODY, signed()[:-4], STAMP),
        (BODY, base64.b64encode(b"not DER").decode(), STAMP),
        (BODY, signed(private=OTHER), STAMP),
        (
            BODY,
            base64.b64encode(PRIVATE.sign(STAMP.encode() + BODY, ec.ECDSA(SHA512()))).decode(),
            STAMP,
        ),
        (BODY + b" ", signed(), STAMP),
        (BODY[:-1], signed(), STAMP),
        (b"", signed(), STAMP),
        (BODY, signed(), str(int(STAMP) + 1)),
        (BODY, signed(stamp=""), ""),
        (BODY, signed(stamp="now"), "now"),
        (BODY, signed(stamp="-1"), "-1"),
        (BODY, signed(stamp=f" {STAMP}"), f" {STAMP}"),
        (BODY, signed(stamp=f"{STAMP}.5"), f"{STAMP}.5"),
        (BODY, signed(stamp="9" * 40), "9" * 40),
        (BODY, signed(stamp="99999999999"), "99999999999"),
        (BODY, signed(stamp="١٢٣"), "١٢٣"),
    ],
    # Signatures differ from run to run, and so would names made of them.
    ids=lambda _: "",
)
def test_everything_else_is_refused(body: bytes, signature: str | None, stamp: str | None) -> None:
    with pytest.raises(BadSignatureError):
        check().verify(body, signature, stamp)


@pytest.mark.parametrize("minutes", [9.9, -9.9])
def test_clocks_may_differ_by_ten_minutes(minutes: float) -> None:
    check(NOW + timedelta(minutes=minutes)).verify(BODY, signed(), STAMP)


@pytest.mark.parametrize("minutes", [10.1, -10.1])
def test_an_old_delivery_cannot_be_played_again(minutes: float) -> None:
    with pytest.raises(BadSignatureError, match="ten minutes"):
        check(NOW + timedelta(minutes=minutes)).verify(BODY, signed(), STAMP)


def _der(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "ü",
        shown(PRIVATE)[:-8],
        f"-----BEGIN PUBLIC KEY-----\n{shown(PRIVATE)}\n-----END PUBLIC KEY-----",
        _der(rsa.generate_private_key(65537, 2048).public_key()),
        _der(ed25519.Ed25519PrivateKey.generate().public_key()),
    ],
    ids=lambda _: "",
)
def test_another_key_is_no_key_of_the_vendor(key: str) -> None:
    with pytest.raises(ValueError, match="Verification Key"):
        SendGridEventSignature([key], now=lambda: NOW)


def test_keys_are_several_and_at_least_one() -> None:
    with pytest.raises(TypeError):
        SendGridEventSignature(shown(PRIVATE), now=lambda: NOW)
    with pytest.raises(ValueError, match="at least one"):
        SendGridEventSignature([], now=lambda: NOW)
