"""Does the official SendGrid client find in the sandbox what it finds at the vendor?"""

import asyncio
import json
from typing import Any, Protocol

import pytest
from aiohttp import ClientSession
from python_http_client.exceptions import BadRequestsError, ForbiddenError, UnauthorizedError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Category,
    CustomArg,
    From,
    Header,
    HtmlContent,
    Mail,
    MailSettings,
    PlainTextContent,
    ReplyTo,
    SandBoxMode,
    To,
)

from sandbox.control import Sandbox
from sandbox.inbox import Channel
from sandbox.settings import SandboxSettings

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#"


class Mailer(Protocol):
    async def send(self, body: object) -> Any: ...


def rich_mail() -> Any:
    mail: Any = Mail(
        from_email=From("billing@shop.example", "Shop"),
        to_emails=To("ada@example.com", "Ada"),
        subject="Your payment failed",
        plain_text_content=PlainTextContent("Please pay."),
        html_content=HtmlContent("<p>Please pay.</p>"),
    )
    mail.reply_to = ReplyTo("help@shop.example")
    mail.category = Category("dunning")
    mail.header = Header("List-Unsubscribe", "<https://shop.example/u/1>")
    argument = CustomArg("case", "INV-1")
    argument.personalization = 0
    mail.add_custom_arg(argument)
    return mail


def plain_body(**changes: object) -> dict[str, object]:
    body: dict[str, object] = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "billing@shop.example"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
    }
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}


async def test_an_accepted_mail_is_kept_with_all_its_parts(
    sandbox: Sandbox, mailer: Mailer
) -> None:
    response = await mailer.send(rich_mail().get())

    assert (response.status_code, response.body) == (202, b"")
    (message,) = sandbox.messages
    assert message.model_dump(exclude={"payload", "arrived_at", "taken_at"}, by_alias=True) == {
        "channel": Channel.EMAIL,
        "vendor_id": response.headers["X-Message-Id"],
        "number": 1,
        "to": "ada@example.com",
        "to_name": "Ada",
        "from": "billing@shop.example",
        "from_name": "Shop",
        "reply_to": "help@shop.example",
        "subject": "Your payment failed",
        "text": "Please pay.",
        "html": "<p>Please pay.</p>",
        "categories": ("dunning",),
        "custom_args": {"case": "INV-1"},
        "headers": {"List-Unsubscribe": "<https://shop.example/u/1>"},
        "segments": 0,
        "reports": (),
    }
    assert message.payload == rich_mail().get()


async def test_each_personalization_wins_over_the_mail(sandbox: Sandbox, mailer: Mailer) -> None:
    people = [
        {"to": [{"email": "a@example.com"}], "custom_args": {"step": "2"}, "subject": "Yours"},
        {"to": [{"email": "b@example.com"}], "headers": {"X-Case": "b"}},
    ]
    shared = {"custom_args": {"step": "1", "case": "c"}, "headers": {"X-Case": "all"}}

    await mailer.send(plain_body(personalizations=people, **shared))

    seen = [(each.to, each.subject, each.custom_args, each.headers) for each in sandbox.messages]
    assert seen == [
        ("a@example.com", "Yours", {"step": "2", "case": "c"}, {"X-Case": "all"}),
        ("b@example.com", "Hello", {"step": "1", "case": "c"}, {"X-Case": "b"}),
    ]
    assert len({each.vendor_id for each in sandbox.messages}) == 1


async def test_sandbox_mode_validates_and_keeps_nothing(sandbox: Sandbox, mailer: Mailer) -> None:
    mail = rich_mail()
    mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))

    response = await mailer.send(mail.get())

    assert (response.status_code, len(sandbox.messages)) == (200, 0)


_FAULTY: list[tuple[dict[str, object], str | None, str]] = [
    (
        {"from": None},
        "from.email",
        "The from object must be provided for every email send.",
    ),
    ({"from": {"email": "shop"}}, "from.email", "The from email does not contain a valid"),
    ({"personalizations": None}, "personalizations", "The personalizations field is required"),
    ({"personalizations": []}, "personalizations", "The personalizations field is required"),
    ({"personalizations": [{}]}, "personalizations.0.to", "The to array is required for all"),
    (
        {"personalizations": [{"to": [{"email": "nobody"}]}]},
        "personalizations.0.to.0.email",
        "Does not contain a valid address.",
    ),
    (
        {"personalizations": [{"to": [{"email": ["a@example.com"]}]}]},
        "personalizations.0.to.0.email",
        "Invalid type. Expected: string, given: array.",
    ),
    (
        {"personalizations": [{"to": [{"email": "a@b.example"}, {"email": "A@b.example"}]}]},
        "personalizations",
        "Each email address in the personalization block should be unique",
    ),
    ({"subject": None}, "subject", "The subject is required."),
    ({"subject": 7}, "subject", "Invalid type. Expected: string, given: integer."),
    ({"content": None}, "content", "Unless a valid template_id is provided"),
    (
        {"content": [{"type": "text/plain", "value": ""}]},
        "content.0.value",
        "The content value must be a string at least one character in length.",
    ),
    (
        {
            "content": [
                {"type": "text/html", "value": "<p>"},
                {"type": "text/plain", "value": "p"},
            ]
        },
        "content",
        "If present, text/plain and text/html may only be provided once",
    ),
    ({"categories": [str(n) for n in range(11)]}, "categories", "There cannot be more than 10"),
    ({"headers": {"Subject": "x"}}, "headers.Subject", "The header Subject is reserved"),
    ({"custom_args": {"a": "x" * 10_000}}, "custom_args", "The total size of custom_args"),
    ({"subjcet": "typo"}, "subjcet", "Additional property subjcet is not allowed"),
    ({"custom_args": {"a": 1}}, None, "Bad Request"),
]


@pytest.mark.parametrize(("changes", "field", "message"), _FAULTY)
async def test_a_faulty_mail_is_refused_in_the_vendors_words(
    sandbox: Sandbox,
    mailer: Mailer,
    changes: dict[str, object],
    field: str | None,
    message: str,
) -> None:
    with pytest.raises(BadRequestsError) as caught:
        await mailer.send(plain_body(**changes))

    (error,) = caught.value.to_dict["errors"]
    assert set(error) == {"message", "field", "help"}
    assert error["field"] == field
    assert error["message"].startswith(message)
    assert error["help"] is None if field is None else error["help"].startswith(_HELP)
    assert len(sandbox.messages) == 0


async def test_every_fault_of_a_mail_is_named(mailer: Mailer) -> None:
    with pytest.raises(BadRequestsError) as caught:
        await mailer.send(plain_body(subject=None, content=None))

    fields = [error["field"] for error in caught.value.to_dict["errors"]]
    assert fields == ["subject", "content"]


async def test_a_body_that_is_not_an_object(mailer: Mailer) -> None:
    with pytest.raises(BadRequestsError) as caught:
        await mailer.send("hello")

    (error,) = caught.value.to_dict["errors"]
    assert (error["message"], error["field"]) == (
        "Invalid type. Expected: object, given: string.",
        "(root)",
    )


async def test_a_wrong_key_is_unauthorized(sandbox: Sandbox) -> None:
    client: Any = SendGridAPIClient("SG.bad", host=sandbox.sendgrid_url)

    with pytest.raises(UnauthorizedError) as caught:
        await asyncio.to_thread(client.send, rich_mail())

    message = "The provided authorization grant is invalid, expired, or revoked"
    assert caught.value.to_dict == {"errors": [{"message": message, "field": None, "help": None}]}


async def test_a_missing_key_and_a_wrong_content_type(browser: ClientSession) -> None:
    path, body = "/sendgrid/v3/mail/send", json.dumps(plain_body())
    key = {"Authorization": "Bearer SG.good"}
    async with browser.post(path, data=body) as keyless:
        assert (keyless.status, await keyless.json()) == (
            401,
            {"errors": [{"message": "authorization required", "field": None, "help": None}]},
        )
    async with browser.post(path, data=body, headers=key) as untyped:
        assert untyped.status == 415


async def test_an_unknown_sender_domain_is_forbidden() -> None:
    settings = SandboxSettings(sendgrid_sender_domains=("shop.example",))
    async with Sandbox.start(settings) as sandbox:
        client: Any = SendGridAPIClient("SG.any", host=sandbox.sendgrid_url)
        with pytest.raises(ForbiddenError):
            await asyncio.to_thread(
                client.client.mail.send.post,
                request_body=plain_body(**{"from": {"email": "billing@other.example"}}),
            )
        assert len(sandbox.messages) == 0
