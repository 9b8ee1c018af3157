"""Is a form of Twilio's told from a forged one, whatever its headers claim?"""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from dunning.errors import BadSignatureError
from providers.twilio.signature import TwilioAlgorithm, TwilioSignature
from webhook.form import fields

TOKEN, SHARED = "12345", "shared-key-secret"
URL = "https://dunning.shop.example/webhooks/twilio/status?message=abc%2Fd"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12125550123", "ErrorCode": ""}
SHA256 = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


def signed(
    url: str = URL,
    form: dict[str, str] = FORM,
    *,
    secret: str = TOKEN,
    algorithm: str = "HMAC_SHA1",
) -> str:
    return str(RequestValidator(secret).compute_signature(url, form, algorithm))


def test_the_vendors_own_signature_is_accepted() -> None:
    TwilioSignature([TOKEN]).verify(URL, FORM, signed(), None)
    TwilioSignature(["before", TOKEN]).verify(URL, FORM, signed(), "")


def test_the_example_of_the_vendors_documentation() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    TwilioSignature([TOKEN]).verify(url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", None)


@pytest.mark.parametrize(
    ("url", "form", "signature"),
    [
        (URL, FORM, None),
        (URL, FORM, ""),
        (URL, FORM, "ü" * 28),
        (URL, FORM, "A" * 28),
        (URL, FORM, signed(secret="another")),
        (URL, FORM, signed(algorithm="HMAC_SHA256")),
        (URL, {**FORM, "MessageStatus": "failed"}, signed()),
        (URL, {**FORM, "Tampered": ""}, signed()),
        (URL.replace("abc", "xyz"), FORM, signed()),
        (URL.replace("https", "http"), FORM, signed()),
        (URL.replace("shop", "evil"), FORM, signed()),
        (URL, {}, signed()),
    ],
)
def test_what_is_not_signed_so_is_forged(
    url: str, form: dict[str, str], signature: str | None
) -> None:
    with pytest.raises(BadSignatureError):
        TwilioSignature([TOKEN]).verify(url, form, signature, None)


def test_a_shared_key_counts_only_where_it_is_pinned() -> None:
    signature = signed(secret=SHARED, algorithm="HMAC_SHA256")
    pinned = TwilioSignature([SHARED], algorithms=[TwilioAlgorithm.HMAC_SHA256])
    pinned.verify(URL, FORM, signature, SHA256)
    with pytest.raises(BadSignatureError, match="TWILIO_WEBHOOK_ALGORITHM"):
        TwilioSignature([SHARED]).verify(URL, FORM, signature, SHA256)
    for settings in (None, "algorithm=HMAC_SHA1", "algorithm=HMAC_MD5", "nonsense"):
        with pytest.raises(BadSignatureError):
            pinned.verify(URL, FORM, signed(secret=SHARED), settings)
        with pytest.raises(BadSignatureError):
            pinned.verify(URL, FORM, signature, settings)


def test_while_an_account_moves_both_count() -> None:
    both = TwilioSignature([TOKEN, SHARED], algorithms=list(TwilioAlgorithm))
    both.verify(URL, FORM, signed(), None)
    both.verify(URL, FORM, signed(secret=SHARED, algorithm="HMAC_SHA256"), SHA256)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""]])
def test_a_blank_secret_would_let_anybody_in(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        TwilioSignature(secrets)


def test_one_secret_is_not_a_sequence_of_letters() -> None:
    with pytest.raises(TypeError):
        TwilioSignature("secret")


def test_no_algorithm_would_be_no_signature() -> None:
    with pytest.raises(ValueError, match="algorithm"):
        TwilioSignature([TOKEN], algorithms=[])


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"", {}),
        (b"To=%2B1212&Body=&Body2=a+b%20%C3%A9", {"To": "+1212", "Body": "", "Body2": "a b é"}),
        (b"a=1&a=2", {"a": "2"}),
        ("a=é".encode(), {}),
        (b"\xff\xfe", {}),
        (b"<html></html>", {"<html></html>": ""}),
        (b"&".join(b"f%d=1" % n for n in range(201)), {}),
    ],
)
def test_a_form_is_read_as_its_signature_covers_it(body: bytes, read: dict[str, str]) -> None:
    assert fields(body) == read
