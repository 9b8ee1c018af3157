"""Would SendGrid accept this mail, and if not, what exactly would it say?"""

import re
from collections.abc import Iterator
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#"
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+")
_RESERVED_HEADERS = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type"),
    *("content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc"),
}
_FREE_NAMES = {"custom_args", "substitutions", "headers"}
_MAX_CATEGORIES = 10
_MAX_CUSTOM_ARGS_BYTES = 10_000
_MISSING = {
    "personalizations": "The personalizations field is required and must have at least one "
    "personalization.",
    "personalizations.to": "The to array is required for all personalization objects, and must "
    "have at least one email object with a valid email address.",
    "from": "The from object must be provided for every email send. It is an object that requires "
    "the email parameter, but may also contain a name parameter.  "
    'e.g. {"email" : "example@example.com"}  or '
    '{"email" : "example@example.com", "name" : "Example Recipient"}.',
}
_JSON_NAMES = {
    "NoneType": "null",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "string",
    "list": "array",
    "dict": "object",
}
_EXPECTED = {
    "string_type": "string",
    "int_type": "integer",
    "bool_type": "boolean",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
}


class Problem(TypedDict):
    message: str
    field: str | None
    help: str | None


BAD_REQUEST: Problem = {"message": "Bad Request", "field": None, "help": None}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Address(_Strict):
    email: str
    name: str = ""


class Personalization(_Strict):
    to: list[Address] = Field(min_length=1)
    cc: list[Address] = []
    bcc: list[Address] = []
    sender: Address | None = Field(default=None, alias="from")
    subject: str = ""
    headers: dict[str, str] = {}
    substitutions: dict[str, str] = {}
    dynamic_template_data: dict[str, JsonValue] = {}
    custom_args: dict[str, str] = {}
    send_at: int = 0

    def recipients(self) -> list[Address]:
        return [*self.to, *self.cc, *self.bcc]


class Content(_Strict):
    type: str
    value: str


class _Switch(_Strict):
    enable: bool = False


class MailSettings(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    sandbox_mode: _Switch = _Switch()


class MailBody(_Strict):
    personalizations: list[Personalization] = Field(min_length=1, max_length=1000)
    sender: Address = Field(alias="from")
    reply_to: Address | None = None
    reply_to_list: list[Address] = []
    subject: str = ""
    content: list[Content] = []
    attachments: list[dict[str, JsonValue]] = []
    template_id: str = ""
    headers: dict[str, str] = {}
    categories: list[str] = []
    custom_args: dict[str, str] = {}
    send_at: int = 0
    batch_id: str = ""
    asm: dict[str, JsonValue] = {}
    ip_pool_name: str = ""
    mail_settings: MailSettings = MailSettings()
    tracking_settings: dict[str, JsonValue] = {}

    def part(self, kind: str) -> str:
        return next((content.value for content in self.content if content.type == kind), "")


def parse_mail(raw: bytes) -> MailBody | list[Problem]:
    """The mail, or everything that is wrong with it in the vendor's words."""
    try:
        body = MailBody.model_validate_json(raw)
    except ValidationError as error:
        return [_shape_problem(detail) for detail in error.errors()]
    return list(_rule_problems(body)) or body


def _shape_problem(detail: ErrorDetails) -> Problem:
    path = ".".join(str(step) for step in detail["loc"])
    area = ".".join(str(step) for step in detail["loc"] if isinstance(step, str))
    kind = detail["type"]
    if kind == "json_invalid" or (_FREE_NAMES & set(detail["loc"]) and kind == "string_type"):
        return BAD_REQUEST
    if kind in _EXPECTED:
        given = _JSON_NAMES[type(detail["input"]).__name__]
        message = f"Invalid type. Expected: {_EXPECTED[kind]}, given: {given}."
        return _problem(message, path or "(root)")
    if kind == "extra_forbidden":
        return _problem(f"Additional property {detail['loc'][-1]} is not allowed", path)
    if kind in {"missing", "too_short"} and area in _MISSING:
        return _problem(_MISSING[area], "from.email" if path == "from" else path)
    return _problem(f"The {path} parameter is not valid: {detail['msg']}.", path)


def _problem(message: str, field: str) -> Problem:
    words = [step for step in field.split(".") if not step.isdigit()]
    known = "-Request-Body-Parameters" if words == ["(root)"] else "message." + ".".join(words[:2])
    return {"message": message, "field": field, "help": _HELP + known}


def _rule_problems(body: MailBody) -> Iterator[Problem]:
    yield from _address_problems(body)
    yield from _content_problems(body)
    yield from _header_problems(body)
    yield from _tag_problems(body)


def _address_problems(body: MailBody) -> Iterator[Problem]:
    if not _ADDRESS.fullmatch(body.sender.email):
        yield _problem("The from email does not contain a valid address.", "from.email")
    for index, personalization in enumerate(body.personalizations):
        path = f"personalizations.{index}"
        for kind in ("to", "cc", "bcc"):
            listed: list[Address] = getattr(personalization, kind)
            for place, address in enumerate(listed):
                if not _ADDRESS.fullmatch(address.email):
                    yield _problem(
                        "Does not contain a valid address.", f"{path}.{kind}.{place}.email"
                    )
        yield from _duplicate_problems(personalization)


def _duplicate_problems(personalization: Personalization) -> Iterator[Problem]:
    seen: set[str] = set()
    for address in personalization.recipients():
        if address.email.lower() in seen:
            yield _problem(
                "Each email address in the personalization block should be unique between to, cc, "
                f"and bcc. We found the first duplicate instance of [{address.email}] in the "
                "personalizations.0.to field.",
                "personalizations",
            )
            return
        seen.add(address.email.lower())


def _content_problems(body: MailBody) -> Iterator[Problem]:
    if body.template_id:
        return
    if not body.subject and not all(each.subject for each in body.personalizations):
        yield _problem(
            "The subject is required. You can get around this requirement if you use a template "
            "with a subject defined or if every personalization has a subject defined.",
            "subject",
        )
    if not body.content:
        yield _problem(
            "Unless a valid template_id is provided, the content parameter is required. There must "
            "be at least one defined content block. We typically suggest both text/plain and "
            "text/html blocks are included, but only one block is required.",
            "content",
        )
    for index, content in enumerate(body.content):
        if not content.value:
            yield _problem(
                "The content value must be a string at least one character in length.",
                f"content.{index}.value",
            )
    yield from _order_problems([content.type for content in body.content])


def _order_problems(types: list[str]) -> Iterator[Problem]:
    ranks = [{"text/plain": 0, "text/html": 1}.get(kind, 2) for kind in types]
    if ranks != sorted(ranks):
        yield _problem(
            "If present, text/plain and text/html may only be provided once, with text/plain "
            "first, followed by text/html.",
            "content",
        )


def _header_problems(body: MailBody) -> Iterator[Problem]:
    for name in body.headers:
        if name.lower() in _RESERVED_HEADERS:
            yield _problem(f"The header {name} is reserved and cannot be set.", f"headers.{name}")


def _tag_problems(body: MailBody) -> Iterator[Problem]:
    if len(body.categories) > _MAX_CATEGORIES or len(set(body.categories)) != len(body.categories):
        yield _problem(
            f"There cannot be more than {_MAX_CATEGORIES} categories per message, and each "
            "category must be unique.",
            "categories",
        )
    size = sum(
        len(f"{name}{value}".encode())
        for args in (body.custom_args, *(each.custom_args for each in body.personalizations))
        for name, value in args.items()
    )
    if size > _MAX_CUSTOM_ARGS_BYTES:
        yield _problem(
            f"The total size of custom_args must not exceed {_MAX_CUSTOM_ARGS_BYTES} bytes.",
            "custom_args",
        )
