"""Who else gets an email, unseen by the customer?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from dunning.ports import EmailMessage
from providers.sendgrid.sender import SendGridEmail
from providers.smtp.dialogue import Server, Tls
from providers.smtp.sender import SmtpEmail
from tests.providers.mail_server import HOST, MailServer
from tests.providers.messages import EMAIL, now
from tests.providers.scripted_server import Reply, ScriptedServer


def with_copies(*copies: str) -> EmailMessage:
    return replace(EMAIL, copies=copies)


async def test_sendgrid_names_each_address_once() -> None:
    async with (
        ScriptedServer(Reply(202, headers={"X-Message-Id": "sg-1"})) as server,
        SendGridEmail("SG.key", now=now, base_url=server.url) as email,
    ):
        await email.send(
            with_copies("crm@shop.example", EMAIL.recipient.upper(), "CRM@shop.example")
        )
    (personalization,) = json.loads(server.received[0].body)["personalizations"]
    assert personalization["bcc"] == [{"email": "CRM@shop.example"}]
    assert [each["email"] for each in personalization["to"]] == [EMAIL.recipient]


async def test_smtp_sends_copies_and_does_not_name_them_in_the_email() -> None:
    async with MailServer() as server:
        sender = SmtpEmail(
            Server(host=HOST, port=server.port, tls=Tls.NONE, timeout=timedelta(seconds=5)), now=now
        )
        await sender.send(with_copies("crm@shop.example", "@x.example"))
    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == [EMAIL.recipient, "crm@shop.example"]
    assert b"crm@" not in (envelope.original_content or b"")
