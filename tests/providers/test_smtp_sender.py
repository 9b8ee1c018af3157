"""Does each end of an SMTP dialogue become the right outcome of one email?"""

from __future__ import annotations

import socket
import traceback
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage as MimeMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dunning.errors import (
    OutcomeUnknownError,
    ProviderError,
    ProviderMisconfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    Rejection,
)
from dunning.ports import Accepted
from providers.smtp.dialogue import Server, Tls
from providers.smtp.outcomes import (
    BAD_RECIPIENT,
    BROKEN_OFF,
    LOST,
    MENDING,
    NO_TLS,
    NOT_FOR_THEM,
    NOT_REACHED,
    REFUSED_CONTENT,
    REFUSED_LOGIN,
    REFUSED_SENDER,
    REFUSED_US,
    UNWRITABLE,
)
from providers.smtp.sender import SmtpEmail
from tests.providers.mail_server import (
    DROP,
    HOST,
    PASSWORD,
    SILENCE,
    USER,
    MailServer,
    Script,
    client_trust,
    server_tls,
)
from tests.providers.messages import EMAIL, now

if TYPE_CHECKING:
    from dunning.ports import EmailMessage

MESSAGE_ID = "<msg_01@shop.example>"


def smtp(server: MailServer | int, **options: Any) -> SmtpEmail:
    port = server if isinstance(server, int) else server.port
    given: dict[str, Any] = {
        "host": HOST,
        "port": port,
        "tls": Tls.NONE,
        "timeout": timedelta(seconds=5),
        **options,
    }
    return SmtpEmail(Server(**given), now=now)


async def refused(sender: SmtpEmail, message: EmailMessage = EMAIL) -> dict[str, Any]:
    with pytest.raises(ProviderError) as raised:
        await sender.send(message)
    shown = "".join(traceback.format_exception(raised.value))
    assert message.recipient not in shown
    assert PASSWORD not in shown
    return {"type": type(raised.value), **vars(raised.value)}


def unavailable(reason: str, retry_after: timedelta | None = None) -> dict[str, Any]:
    return {"type": ProviderUnavailableError, "reason": reason, "retry_after": retry_after}


def misconfigured(reason: str) -> dict[str, Any]:
    return {"type": ProviderMisconfiguredError, "reason": reason, "retry_after": MENDING}


def rejected(reason: str, rejection: Rejection, code: str) -> dict[str, Any]:
    return {"type": ProviderRejectedError, "reason": reason, "rejection": rejection, "code": code}


def read(server: MailServer) -> Any:
    (envelope,) = server.envelopes
    content = envelope.original_content
    assert content is not None
    return message_from_bytes(content, MimeMessage, policy=policy.default)


async def test_an_email_arrives_in_both_forms_with_its_headers() -> None:
    async with MailServer() as server:
        accepted = await smtp(server).send(EMAIL)
    assert accepted == Accepted(provider_id=MESSAGE_ID)
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (EMAIL.sender, [EMAIL.recipient])
    mail = read(server)
    assert {name: str(value) for name, value in mail.items()} == {
        "From": "Shop Billing <billing@shop.example>",
        "To": "Ada Lovelace <ada.lovelace@customer.example>",
        "Reply-To": "help@shop.example",
        "Subject": "Your card was declined: €49.00",
        "List-Unsubscribe": "<https://shop.example/u/tok_2>",
        "Date": "Mon, 23 Nov 2026 12:00:00 +0000",
        "Message-ID": MESSAGE_ID,
        "MIME-Version": "1.0",
        "Content-Type": mail["Content-Type"],
    }
    assert mail.get_content_type() == "multipart/alternative"
    parts = [(p.get_content_type(), p.get_content().strip()) for p in mail.iter_parts()]
    assert parts == [("text/plain", EMAIL.text), ("text/html", EMAIL.html)]


@pytest.mark.parametrize("recipient", ["ada@customer.example", "jörg@customer.example"])
async def test_a_long_address_in_a_header_stays_whole(recipient: str) -> None:
    one_click = {
        "List-Unsubscribe": f"<https://pay.shop-{'x' * 60}.example/u/{'t' * 35}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    async with MailServer() as server:
        await smtp(server).send(replace(EMAIL, recipient=recipient, headers=one_click))
    (envelope,) = server.envelopes
    assert isinstance(envelope.content, bytes)
    head = envelope.content.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [f"{name}: {value}" for name, value in one_click.items()] == [
        line for line in head if line.startswith("List-")
    ]


async def test_names_and_words_of_any_language_survive() -> None:
    message = replace(
        EMAIL,
        sender_name="Müller, Söhne & Co.",
        recipient_name="山田 太郎",
        subject="お支払いのお願い " * 8,
        text="Ein sehr langer Satz mit Ümlauten. " * 60 + "\n.\n..\nEnde",
        html="<p>山田 太郎</p>" + "x" * 2000,
        headers={"Subject": "not ours", "X-Note": "ok"},
    )
    async with MailServer(utf8=False) as server:
        await smtp(server).send(message)
    mail = read(server)
    (sender,), (recipient,) = mail["From"].addresses, mail["To"].addresses
    assert (sender.display_name, recipient.display_name) == ("Müller, Söhne & Co.", "山田 太郎")
    assert (str(mail["Subject"]).strip(), mail["X-Note"]) == (message.subject.strip(), "ok")
    parts = [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]
    assert parts == [f"{message.text}\n", f"{message.html}\n"]
    raw = server.envelopes[0].original_content
    assert raw is not None
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


async def test_the_same_message_keeps_its_identifier() -> None:
    async with MailServer() as server:
        sent = [await smtp(server).send(EMAIL) for _ in range(2)]
    assert sent == [Accepted(provider_id=MESSAGE_ID)] * 2


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            Script(ehlo="421 4.3.2 busy"),
            unavailable("the SMTP server asks to come later (421 4.3.2)"),
        ),
        (Script(ehlo="554 go away"), misconfigured(f"{REFUSED_US} (554)")),
        (
            Script(mail="451 4.3.0 later"),
            unavailable("the SMTP server asks to come later (451 4.3.0)"),
        ),
        (Script(mail="550 5.7.1 not you"), misconfigured(f"{REFUSED_SENDER} (550 5.7.1)")),
        (Script(mail="530 5.7.0 log in"), misconfigured(f"{REFUSED_LOGIN} (530 5.7.0)")),
        (
            Script(rcpt="450 4.2.1 grey"),
            unavailable("the SMTP server asks to come later (450 4.2.1)"),
        ),
        (Script(rcpt="421 bye"), unavailable("the SMTP server asks to come later (421)")),
        (
            Script(rcpt="550 5.1.1 ada.lovelace@customer.example unknown"),
            rejected(BAD_RECIPIENT, Rejection.BAD_ADDRESS, "550 5.1.1"),
        ),
        (Script(rcpt="553 what?"), rejected(BAD_RECIPIENT, Rejection.BAD_ADDRESS, "553")),
        (
            Script(rcpt="550 5.7.1 no relay"),
            rejected(NOT_FOR_THEM, Rejection.NOT_PERMITTED, "550 5.7.1"),
        ),
        (
            Script(rcpt="552 5.2.2 full"),
            rejected(NOT_FOR_THEM, Rejection.NOT_PERMITTED, "552 5.2.2"),
        ),
        (Script(rcpt="550 5.1.8 who?"), unavailable(f"{REFUSED_SENDER} (550 5.1.8)", MENDING)),
        (Script(rcpt=DROP), unavailable(f"{BROKEN_OFF} (SMTPServerDisconnected)")),
        (Script(begin="451 no"), unavailable("the SMTP server asks to come later (451)")),
        (Script(begin="554 no"), rejected(REFUSED_CONTENT, Rejection.INVALID, "554")),
        (
            Script(data="452 4.3.1 full"),
            unavailable("the SMTP server asks to come later (452 4.3.1)"),
        ),
        (
            Script(data="554 5.7.1 spam"),
            rejected(REFUSED_CONTENT, Rejection.INVALID, "554 5.7.1"),
        ),
        (
            Script(data=DROP),
            {"type": OutcomeUnknownError, "reason": f"{LOST} (SMTPServerDisconnected)"},
        ),
        (Script(data="299 hm"), {"type": OutcomeUnknownError, "reason": f"{LOST} (299)"}),
        (
            Script(data="word"),
            {"type": OutcomeUnknownError, "reason": f"{LOST} (SMTPResponseException)"},
        ),
    ],
)
async def test_every_ending(script: Script, expected: dict[str, Any]) -> None:
    async with MailServer(script) as server:
        assert await refused(smtp(server)) == expected


@pytest.mark.parametrize(
    ("script", "kind"),
    [(Script(rcpt=SILENCE), ProviderUnavailableError), (Script(data=SILENCE), OutcomeUnknownError)],
)
async def test_silence_is_certain_before_the_content_only(
    script: Script, kind: type[ProviderError]
) -> None:
    async with MailServer(script) as server:
        found = await refused(smtp(server, timeout=timedelta(seconds=0.3)))
    assert found["type"] is kind


async def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert await refused(smtp(port)) == unavailable(NOT_REACHED)


async def test_credentials_are_given_and_refused() -> None:
    async with MailServer(login=True) as server:
        await smtp(server, username=USER, password=PASSWORD).send(EMAIL)
        wrong = await refused(smtp(server, username=USER, password="wrong"))
        none = await refused(smtp(server))
    assert wrong["reason"].startswith(REFUSED_LOGIN)
    assert none["reason"].startswith(REFUSED_LOGIN)
    assert wrong["retry_after"] == none["retry_after"] == MENDING
    assert len(server.envelopes) == 1


async def test_a_server_that_takes_no_credentials_is_told_apart() -> None:
    async with MailServer() as server:
        found = await refused(smtp(server, username=USER, password=PASSWORD))
    reason = f"{REFUSED_LOGIN} (it takes none over this connection)"
    assert found == misconfigured(reason)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_the_connection_is_encrypted(tmp_path: Path, tls: Tls) -> None:
    context = server_tls(tmp_path)
    async with MailServer(tls=context, implicit=tls is Tls.IMPLICIT, login=True) as server:
        secure = smtp(server, tls=tls, trust=client_trust(), username=USER, password=PASSWORD)
        await secure.probe()
        assert await secure.send(EMAIL) == Accepted(provider_id=MESSAGE_ID)
    assert server.encrypted == [True]


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_stranger_with_a_certificate_gets_nothing(tmp_path: Path, tls: Tls) -> None:
    context = server_tls(tmp_path)
    async with MailServer(tls=context, implicit=tls is Tls.IMPLICIT, login=True) as server:
        found = await refused(smtp(server, tls=tls, username=USER, password=PASSWORD))
    assert found == misconfigured(NO_TLS)
    assert (server.logins, server.envelopes) == ([], [])


async def test_nothing_goes_in_the_clear_when_encryption_is_wanted() -> None:
    async with MailServer(login=True) as server:
        secure = smtp(server, tls=Tls.STARTTLS, username=USER, password=PASSWORD)
        assert await refused(secure) == misconfigured(NO_TLS)
    assert (server.logins, server.envelopes) == ([], [])


async def test_an_international_address_needs_a_server_that_knows_them() -> None:
    message = replace(EMAIL, recipient="jörg@bücher.example")
    async with MailServer() as knows, MailServer(utf8=False) as knows_not:
        await smtp(knows).send(message)
        found = await refused(smtp(knows_not), message)
    assert knows.envelopes[0].rcpt_tos == ["jörg@xn--bcher-kva.example"]
    assert found == rejected(NOT_FOR_THEM, Rejection.NOT_PERMITTED, "no SMTPUTF8")


async def test_a_domain_of_any_language_is_written_in_ascii() -> None:
    async with MailServer(utf8=False) as server:
        await smtp(server).send(replace(EMAIL, recipient="ada@bücher.example"))
    assert server.envelopes[0].rcpt_tos == ["ada@xn--bcher-kva.example"]


async def test_what_cannot_be_written_is_never_sent() -> None:
    async with MailServer() as server:
        address = await refused(smtp(server), replace(EMAIL, recipient="a da@customer.example"))
        header = await refused(smtp(server), replace(EMAIL, subject="a\r\nBcc: eve@example.com"))
    assert address == rejected(BAD_RECIPIENT, Rejection.BAD_ADDRESS, "MIME")
    assert header == rejected(UNWRITABLE, Rejection.INVALID, "MIME")
    assert server.envelopes == []


def test_half_of_the_credentials_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs a password"):
        smtp(25, username=USER)
