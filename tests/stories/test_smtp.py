"""Does a merchant without SendGrid reach the customers over a mail server?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.setting_values import EmailTransport, SmtpTls
from tests.providers.mail_server import DROP, HOST, MailServer
from tests.stories.telling import Teller

if TYPE_CHECKING:
    from app.demo.stage import Stage


async def test_a_campaign_goes_over_smtp_and_a_lost_answer_is_not_repeated(idle: Stage) -> None:
    tell = Teller.of(idle)
    async with MailServer() as server:
        update = {
            "email_transport": EmailTransport.SMTP,
            "smtp_host": HOST,
            "smtp_port": server.port,
            "smtp_tls": SmtpTls.NONE,
            "sendgrid_api_key": None,
        }
        idle.settings = idle.settings.model_copy(update=update)
        ada = tell.unregistered()
        async with idle.working():
            await ada.register()
            await ada.fails()
            await tell.day(1)
            server.script.data = DROP
            await tell.day(5)
            server.script.data = None
            await tell.day(10)
    case = (await idle.show(ada.id))["case"]
    emails = [m for m in case["messages"] if m["channel"] == "email" and m["occurred_at"]]
    assert [m["status"] for m in emails] == ["sent", "unknown", "sent"]
    assert [e.rcpt_tos for e in server.envelopes] == [[ada.email]] * 3
    assert emails[0]["provider_id"].endswith("@example.com>")
    assert [m for m in idle.sandbox.messages if m.to == ada.email] == []
