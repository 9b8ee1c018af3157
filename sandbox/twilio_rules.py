"""Would Twilio take this message, and if not, with which code does it refuse?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.settings import SandboxSettings
from sandbox.twilio_texts import OPTED_OUT, TwilioTexts

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_MAX_BODY = 1600
_MAX_VALIDITY_S = 36000
_MAGIC_SENDERS = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}
_MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
_MESSAGES = {
    20001: "ValidityPeriod must be a whole number from 1 to 36000",
    21211: "The 'To' number {to} is not a valid phone number.",
    21212: "The 'From' number {sender} is not a valid phone number, shortcode, or alphanumeric "
    "sender ID.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' "
    "number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The From phone number {sender} is not a valid, SMS-capable inbound phone number or "
    "short code for your account.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number {sender} has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number: {to}, is not currently reachable using the 'From' phone "
    "number: {sender} via SMS.",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21701: "The Messaging Service resource does not exist.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    code: int
    message: str


def refusal_of(
    form: Mapping[str, str], settings: SandboxSettings, texts: TwilioTexts
) -> Refusal | None:
    code = _form_code(form) or _sender_code(form, settings) or _recipient_code(form, texts)
    if code is None:
        return None
    template = _MESSAGES.get(code, "The message was refused.")
    sender = form.get("From", form.get("MessagingServiceSid", ""))
    return Refusal(code, template.format(to=form.get("To", ""), sender=sender))


def _form_code(form: Mapping[str, str]) -> int | None:
    validity = form.get("ValidityPeriod", "1")
    checks = (
        (21604, not form.get("To")),
        (21603, not (form.get("From") or form.get("MessagingServiceSid"))),
        (21602, not (form.get("Body") or form.get("ContentSid"))),
        (21617, len(form.get("Body", "")) > _MAX_BODY),
        (20001, not (validity.isdecimal() and 1 <= int(validity) <= _MAX_VALIDITY_S)),
    )
    return next((code for code, failed in checks if failed), None)


def _sender_code(form: Mapping[str, str], settings: SandboxSettings) -> int | None:
    service, sender = form.get("MessagingServiceSid"), form.get("From")
    if service and not _SERVICE.fullmatch(service):
        return 21701
    if not sender:
        return None
    if sender in _MAGIC_SENDERS:
        return _MAGIC_SENDERS[sender]
    if not any(form_of.fullmatch(sender) for form_of in (_E164, _SHORT_CODE, _ALPHANUMERIC)):
        return 21212
    owned = settings.twilio_senders
    return 21606 if owned and sender not in owned else None


def _recipient_code(form: Mapping[str, str], texts: TwilioTexts) -> int | None:
    number = form["To"]
    if not _E164.fullmatch(number):
        return 21211
    ours = (form.get("From", ""), form.get("MessagingServiceSid", ""))
    if any((number, sender) in texts.stopped for sender in ours):
        return OPTED_OUT
    return texts.refusal_of(number) or _MAGIC_RECIPIENTS.get(number)
