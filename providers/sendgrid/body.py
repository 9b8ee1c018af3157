"""How does one finished email look to SendGrid?"""

# The sendgrid library carries no type information; its classes stay in this file.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sendgrid.helpers.mail import (
    Bcc,
    Category,
    ClickTracking,
    Content,
    CustomArg,
    Email,
    Ganalytics,
    Header,
    Mail,
    MailSettings,
    OpenTracking,
    Personalization,
    SandBoxMode,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

if TYPE_CHECKING:
    from dunning.ports import EmailMessage, MessageTags

_CATEGORY = "dunning"


def mail_body(message: EmailMessage, *, sandbox_mode: bool) -> dict[str, object]:
    """The JSON object of `POST /v3/mail/send`."""
    mail = Mail()
    mail.from_email = _address(Email(), message.sender, message.sender_name)
    mail.subject = message.subject
    mail.add_personalization(_personalization(message))
    # The vendor wants the plain text before the HTML.
    mail.add_content(Content("text/plain", message.text))
    mail.add_content(Content("text/html", message.html))
    if message.reply_to is not None:
        mail.reply_to = _address(Email(), message.reply_to, None)
    for name, value in message.headers.items():
        mail.add_header(Header(name, value))
    mail.add_category(Category(_CATEGORY))
    mail.tracking_settings = _no_tracking()
    if sandbox_mode:
        mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))
    return cast("dict[str, object]", mail.get())


def _personalization(message: EmailMessage) -> Personalization:
    personalization = Personalization()
    personalization.add_to(_address(To(), message.recipient, message.recipient_name))
    for copy in _copies(message):
        personalization.add_bcc(_address(Bcc(), copy, None))
    for name, value in _our_ids(message.tags).items():
        personalization.add_custom_arg(CustomArg(name, value))
    return personalization


def _copies(message: EmailMessage) -> list[str]:
    """SendGrid refuses an email that names an address twice, in whatever case."""
    named = {copy.lower(): copy for copy in message.copies}
    return [copy for key, copy in named.items() if key != message.recipient.lower()]


def _our_ids(tags: MessageTags) -> dict[str, str]:
    """Under names of our own: the account may send other systems' mail, with ids of theirs."""
    return {
        "dunning_message_id": tags.message_id,
        "dunning_case_id": tags.case_id,
        "dunning_step": tags.step,
    }


def _address(blank: Email, email: str, name: str | None) -> Email:
    # The constructor would parse the address and drop one that it cannot read.
    blank.email = email
    blank.name = name or None
    return blank


def _no_tracking() -> TrackingSettings:
    # Rewritten links leak the pay token and look like phishing; the account's defaults may be on.
    settings = TrackingSettings()
    settings.click_tracking = ClickTracking(enable=False, enable_text=False)
    settings.open_tracking = OpenTracking(enable=False)
    settings.subscription_tracking = SubscriptionTracking(enable=False)
    settings.ganalytics = Ganalytics(enable=False)
    return settings
