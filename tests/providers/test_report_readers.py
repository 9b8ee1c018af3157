"""What does each vendor's report mean, and is any body read without falling over?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.channel import Channel
from dunning.delivery import Delivery, Evidence, Report
from dunning.errors import UnreadableBodyError
from providers.sendgrid.event_reader import SendGridEventReader
from providers.twilio.status_reader import TwilioStatusReader

MAILS, TEXTS = SendGridEventReader(), TwilioStatusReader()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def mail(**event: Any) -> Report:
    (entry,) = MAILS.entries(json.dumps([event]).encode())
    return MAILS.read(entry.body)


def text(**fields: str) -> Report:
    return TEXTS.read(TEXTS.entry({"MessageSid": "SM1", **fields}, None).body)


def test_an_email_event_in_full() -> None:
    report = mail(
        email="ada@example.com",
        timestamp=1772442000,
        event="bounce",
        type="bounce",
        status="5.1.1",
        reason="550 5.1.1 <ada@example.com> unknown",
        sg_event_id="e1",
        sg_message_id="14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        dunning_message_id="ours",
        message_id="newsletter-4711",
        category=["dunning"],
    )
    assert report == Report(
        channel=Channel.EMAIL,
        name="bounce",
        message_id="ours",
        provider_ids=(
            "14c5d75ce93.dfd.64b469",
            "14c5d75ce93",
            "14c5d75ce93.dfd",
            "14c5d75ce93.dfd.64b469.filter0001",
            "14c5d75ce93.dfd.64b469.filter0001.16648",
            "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88",
            "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        ),
        state=Delivery.BOUNCED,
        code="5.1.1",
        at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        address="ada@example.com",
        evidence=Evidence.NO_SUCH_ADDRESS,
    )


@pytest.mark.parametrize(
    ("event", "state", "code", "evidence"),
    [
        ({"event": "processed"}, Delivery.PROCESSED, None, None),
        ({"event": "deferred", "response": "450 busy"}, Delivery.DEFERRED, None, None),
        ({"event": "delivered"}, Delivery.DELIVERED, None, None),
        ({"event": "bounce"}, Delivery.BOUNCED, None, Evidence.NO_SUCH_ADDRESS),
        (
            {"event": "bounce", "type": "blocked", "status": "4.7.0"},
            Delivery.UNDELIVERED,
            "4.7.0",
            None,
        ),
        (
            {"event": "bounce", "status": "<ada@example.com>"},
            Delivery.BOUNCED,
            None,
            Evidence.NO_SUCH_ADDRESS,
        ),
        (
            {"event": "dropped", "reason": "Bounced Address"},
            Delivery.DROPPED,
            "bounced_address",
            Evidence.NO_SUCH_ADDRESS,
        ),
        (
            {"event": "dropped", "reason": "Invalid"},
            Delivery.DROPPED,
            "invalid_address",
            Evidence.NO_SUCH_ADDRESS,
        ),
        (
            {"event": "dropped", "reason": "Spam Reporting Address"},
            Delivery.DROPPED,
            "spam_reporting_address",
            Evidence.COMPLAINT,
        ),
        (
            {"event": "dropped", "reason": "Unsubscribed Address"},
            Delivery.DROPPED,
            "unsubscribed_address",
            Evidence.UNSUBSCRIBED,
        ),
        (
            {"event": "dropped", "reason": "Invalid SMTPAPI header"},
            Delivery.DROPPED,
            "not_attempted",
            None,
        ),
        (
            {"event": "dropped", "reason": "Recipient List over Package Quota"},
            Delivery.DROPPED,
            "not_attempted",
            None,
        ),
        ({"event": "dropped"}, Delivery.DROPPED, "not_attempted", None),
        ({"event": "spamreport"}, Delivery.COMPLAINED, None, Evidence.COMPLAINT),
        ({"event": "unsubscribe"}, Delivery.UNSUBSCRIBED, None, Evidence.UNSUBSCRIBED),
        ({"event": "group_unsubscribe"}, Delivery.UNSUBSCRIBED, None, Evidence.UNSUBSCRIBED),
        ({"event": "group_resubscribe"}, Delivery.RESUBSCRIBED, None, Evidence.RESUBSCRIBED),
        ({"event": "open", "sg_machine_open": True}, None, None, None),
        ({"event": "click"}, None, None, None),
        ({"event": "account_status_change", "type": "compliance_suspend"}, None, None, None),
        ({"event": "invented"}, None, None, None),
    ],
)
def test_what_each_email_event_means(
    event: dict[str, str], state: Delivery | None, code: str | None, evidence: Evidence | None
) -> None:
    report = mail(**event)
    assert (report.state, report.code, report.evidence) == (state, code, evidence)


@pytest.mark.parametrize(
    ("status", "code", "state", "evidence"),
    [
        ("accepted", None, Delivery.ACCEPTED, None),
        ("scheduled", None, Delivery.ACCEPTED, None),
        ("queued", None, Delivery.QUEUED, None),
        ("sending", None, Delivery.PROCESSED, None),
        ("sent", None, Delivery.SENT_ON, None),
        ("canceled", None, Delivery.CANCELED, None),
        ("delivered", None, Delivery.DELIVERED, None),
        ("read", None, Delivery.READ, None),
        ("partially_delivered", None, Delivery.UNDELIVERED, None),
        ("undelivered", "30003", Delivery.UNDELIVERED, None),
        ("undelivered", "30008", Delivery.UNDELIVERED, None),
        ("failed", "30001", Delivery.FAILED, None),
        ("failed", "30002", Delivery.FAILED, None),
        ("failed", "30034", Delivery.FAILED, None),
        ("undelivered", "30004", Delivery.UNDELIVERED, Evidence.FILTERED),
        ("undelivered", "30005", Delivery.UNDELIVERED, Evidence.NO_SUCH_ADDRESS),
        ("undelivered", "30006", Delivery.UNDELIVERED, Evidence.NO_SUCH_ADDRESS),
        ("undelivered", "30007", Delivery.UNDELIVERED, Evidence.FILTERED),
        ("failed", "21211", Delivery.FAILED, Evidence.NO_SUCH_ADDRESS),
        ("failed", "21614", Delivery.FAILED, Evidence.NO_SUCH_ADDRESS),
        ("failed", "21610", Delivery.FAILED, Evidence.OPTED_OUT),
        ("delivered", "30005", Delivery.DELIVERED, None),
        ("receiving", None, None, None),
        ("invented", "30005", None, None),
    ],
)
def test_what_each_status_of_a_text_means(
    status: str, code: str | None, state: Delivery | None, evidence: Evidence | None
) -> None:
    fields = {"ErrorCode": code} if code else {}
    report = text(MessageStatus=status, To="+12125550123", **fields)
    assert (report.state, report.code, report.evidence) == (state, code, evidence)
    assert (report.provider_ids, report.address, report.at) == (("SM1",), "+12125550123", None)


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        ("failed", "30002", "suspended"),
        ("failed", "30034", "not registered"),
        ("undelivered", "30007", "filter"),
        ("undelivered", "30003", None),
        ("delivered", "30034", None),
        ("failed", None, None),
    ],
)
def test_what_the_merchant_must_mend_is_said_in_our_words(
    status: str, code: str | None, word: str | None
) -> None:
    mend = text(MessageStatus=status, **({"ErrorCode": code} if code else {})).mend
    assert mend is None if word is None else word in (mend or "")


def test_our_own_id_comes_back_with_a_text() -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "sent", "To": ""}
    entry = TEXTS.entry(fields, "ours")
    assert (entry.name, TEXTS.read(entry.body).message_id) == ("sent", "ours")
    assert TEXTS.read(entry.body).address is None


def test_a_text_is_the_same_report_when_it_says_the_same() -> None:
    sent = {"MessageSid": "SM1", "MessageStatus": "sent", "RawDlrDoneDate": "2603020900"}
    same = TEXTS.entry({**sent, "RawDlrDoneDate": "2603020901", "ErrorCode": ""}, "ours")
    others = [
        {**sent, "MessageStatus": "x"},
        {**sent, "ErrorCode": "1"},
        {**sent, "MessageSid": "2"},
    ]
    assert same.identity == TEXTS.entry(sent, None).identity
    assert len({TEXTS.entry(other, None).identity for other in [sent, *others]}) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"MessageSid": "SM1"},
        {"MessageStatus": "sent"},
        {"MessageSid": "", "MessageStatus": "x"},
    ],
)
def test_a_form_that_names_no_text(fields: dict[str, str]) -> None:
    with pytest.raises(UnreadableBodyError):
        TEXTS.entry(fields, "ours")


@pytest.mark.parametrize("code", ["0", "", "٣٠٠٠٥", "-1", "30005; DROP", "1234567", "9" * 5000])
def test_a_code_is_a_number_of_the_vendors(code: str) -> None:
    assert text(MessageStatus="failed", ErrorCode=code).code is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'"x"',
        b"7",
        b"null",
        b"[",
        b"\xff\xfe[",
        b"[" * 100_000,
        b"[1" + b"0" * 5000 + b"]",
    ],
)
def test_what_is_no_array_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        MAILS.entries(body)


def test_one_odd_entry_spoils_no_other() -> None:
    events = [{"event": "open", "sg_event_id": "e1"}, 7, None, {"sg_event_id": "e2"}, {"event": 8}]
    entries = MAILS.entries(json.dumps(events).encode())
    assert [(entry.name, entry.problem is None) for entry in entries] == [
        ("open", True),
        ("", False),
        ("", False),
        ("", False),
        ("", False),
    ]
    assert len({entry.identity for entry in entries}) == len(events)


@given(
    st.lists(
        JSON
        | st.dictionaries(
            st.sampled_from(
                [
                    "event",
                    "timestamp",
                    "email",
                    "type",
                    "status",
                    "reason",
                    "dunning_message_id",
                    "sg_message_id",
                    "sg_event_id",
                ]
            ),
            JSON,
        )
    )
)
def test_any_array_is_read(events: list[object]) -> None:
    for entry in MAILS.entries(json.dumps(events).encode()):
        if entry.problem is None:
            assert MAILS.read(entry.body).name == entry.name


@given(st.dictionaries(st.sampled_from(["To", "ErrorCode", "From", "Body"]), st.text()), st.text())
def test_any_form_is_read(fields: dict[str, str], message_id: str) -> None:
    entry = TEXTS.entry({**fields, "MessageSid": "SM1", "MessageStatus": "sent"}, message_id)
    assert TEXTS.read(entry.body).state is Delivery.SENT_ON
