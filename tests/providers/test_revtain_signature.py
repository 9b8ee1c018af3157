"""Is exactly what Revtain signed let in?"""

from __future__ import annotations

import hashlib
import hmac

import pytest

from dunning.errors import BadSignatureError
from providers.revtain.signature import RevtainSignature

SECRET = "whsec_test_0123456789abcdef"
SUCCESS = (
    b'{"event":"recovery.success","revtainTransactionId":"da646dba-ce56-4483-ad0a-2a4fac54a5e2",'
    b'"gatewayTransactionToken":"pi_3OZQ8K2eZvKYlo2C1abc1234","amount":5000,"currency":"USD",'
    b'"message":"Succeeded!","strategyUsed":"primary"}'
)
FAILED = (
    b'{"event":"recovery.failed","revtainTransactionId":"01KKZ14FEZK152ZBXEM2XK1B0C",'
    b'"amount":2500,"currency":"USD","declineCode":"expired_card",'
    b'"recommendedAction":"request_card_update"}'
)
SPACED = '{ "amount": 5000, "event": "recovery.success", "note": "café" }'.encode()
FAILED_SIGNATURE = "139369abd999c5407fee61520bb97f70db4c31d34bbe0bbf0af145cfd09f1915"

VECTORS = [
    (SUCCESS, 225, "53d9c7a2b68b8db46509b97c6d67dec729a618222582933e34aaa63899fcf742"),
    (FAILED, 181, FAILED_SIGNATURE),
    (SPACED, 64, "f46c5a2e8d8155be9fbdafdcd83f1cb220200ab2c0230ca6f09500819d6feda2"),
    (b"", 0, "c75e30d092a12b00c5ed1f2f9705da88827c7abc179c8a52a87527b7c70ce49d"),
]


@pytest.mark.parametrize(("body", "length", "signature"), VECTORS)
def test_a_known_signature_is_accepted_in_either_case(
    body: bytes, length: int, signature: str
) -> None:
    assert len(body) == length
    check = RevtainSignature([SECRET])
    check.verify(body, signature)
    check.verify(body, signature.upper())


def test_any_accepted_secret_will_do() -> None:
    RevtainSignature(["whsec_new", SECRET]).verify(FAILED, FAILED_SIGNATURE)
    RevtainSignature([SECRET, "whsec_new"]).verify(FAILED, FAILED_SIGNATURE)


MISSING = "the X-Revtain-Signature header is missing"
MALFORMED = "the X-Revtain-Signature header is not 64 hex characters"
FOREIGN = (
    "the X-Revtain-Signature header does not belong to this body under any accepted secret; check"
    " REVTAIN_WEBHOOK_SECRET and that nothing rewrites the body"
)


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (None, MISSING),
        ("", MALFORMED),
        (FAILED_SIGNATURE[:-1], MALFORMED),
        (FAILED_SIGNATURE + "0", MALFORMED),
        (FAILED_SIGNATURE + "\n", MALFORMED),
        (f" {FAILED_SIGNATURE}", MALFORMED),
        (f"sha256={FAILED_SIGNATURE}", MALFORMED),
        ("g" + FAILED_SIGNATURE[1:], MALFORMED),
        ("é" + FAILED_SIGNATURE[1:], MALFORMED),
        ("\uff11" + FAILED_SIGNATURE[1:], MALFORMED),
        ("\udc80" * 64, MALFORMED),
        ("0" * 64, FOREIGN),
        (VECTORS[0][2], FOREIGN),
    ],
)
def test_any_other_signature_is_refused(signature: str | None, reason: str) -> None:
    with pytest.raises(BadSignatureError) as raised:
        RevtainSignature([SECRET]).verify(FAILED, signature)
    assert str(raised.value) == reason


def test_one_changed_byte_is_refused() -> None:
    check = RevtainSignature([SECRET])
    for position in range(len(FAILED)):
        changed = bytearray(FAILED)
        changed[position] ^= 1
        with pytest.raises(BadSignatureError):
            check.verify(bytes(changed), FAILED_SIGNATURE)


def test_a_signature_of_an_unknown_secret_is_refused() -> None:
    forged = hmac.new(b"w", FAILED, hashlib.sha256).hexdigest()
    with pytest.raises(BadSignatureError):
        RevtainSignature([SECRET, "whsec_new"]).verify(FAILED, forged)


@pytest.mark.parametrize("secrets", [["", SECRET], [SECRET, " "], [f" {SECRET}"], [f"{SECRET}\n"]])
def test_a_secret_that_cannot_be_one_is_refused_without_quoting_it(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="is blank or has spaces around it") as raised:
        RevtainSignature(secrets)
    assert "0123456789" not in str(raised.value)


def test_no_secret_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RevtainSignature([])


def test_one_string_is_not_taken_for_its_letters() -> None:
    with pytest.raises(TypeError, match="not one string"):
        RevtainSignature(SECRET)
