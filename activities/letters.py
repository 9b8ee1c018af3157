"""What exactly will one step say to this customer, and over which road?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from activities.devices import Devices
from dunning.channel import Channel
from dunning.directory import Contact, Invoice
from dunning.facts import PROMISE_STEP, SERVICE_ENDED, Case, of_service
from dunning.notice import ESSENTIAL, Brand, Line, Notice
from dunning.policy import Policy, Unsubscribe
from dunning.ports import (
    Accepted,
    EmailMessage,
    EmailSender,
    Gate,
    MessageTags,
    PushMessage,
    TextMessage,
    TextSender,
)
from dunning.states import State
from dunning.steps import Step
from messages.links import PayLinks, PreferenceLinks
from messages.render import Renderer
from store.reservations import Found

_NAMING_A_DAY = frozenset({"final_notice", "service_ending", "service_pausing"})
_LONGEST_HOLD = timedelta(hours=10)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A finished message that only lacks its identifiers. Holds personal data: never logged."""

    channel: Channel
    recipient: str
    recipient_name: str | None
    subject: str
    text: str
    html: str
    valid_for: timedelta
    brand: Brand
    link: str = ""
    devices: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the body, by which a vendor's record of it is recognised."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Renders letters under the merchant's brand."""

    renderer: Renderer
    links: PayLinks
    preferences: PreferenceLinks

    def write(
        self,
        *,
        step: Step,
        case: Case,
        invoice: Invoice,
        policy: Policy,
        zone: str,
        valid_for: timedelta,
        others: tuple[Line, ...] = (),
    ) -> Letter:
        """The letter of one step; the contact must have an address on the step's channel.

        `others` are further open invoices that the message speaks of.
        """
        contact = invoice.contact
        notice = Notice(
            template=step.template,
            locale=contact.locale or policy.account.locale,
            brand=policy.brand,
            amount=invoice.amount,
            invoice_id=invoice.id,
            pay_url=self.links.url(invoice.link_id),
            customer_name=contact.name,
            description=invoice.description,
            last_day=_last_day(step, case, policy, zone),
            promised_day=_promised_day(step, case),
            paused_until=_day(case.until, zone) if case.state is State.PAUSED else None,
            others=others,
            preferences_url=self._preferences_url(step, invoice, policy),
        )
        if step.channel is Channel.SMS:
            return self._text(notice, contact.phone or "", valid_for)
        if step.channel is Channel.PUSH:
            return self._push(notice, contact.push_tokens, valid_for)
        letter = self._email(notice, contact.email or "", valid_for)
        return replace(letter, copies=policy.copies, headers=self._headers(notice, policy))

    def _preferences_url(self, step: Step, invoice: Invoice, policy: Policy) -> str | None:
        """What a customer must get offers no way to stop it."""
        if policy.unsubscribe is Unsubscribe.NONE or step.template in ESSENTIAL:
            return None
        return self.preferences.url(invoice.link_id)

    def _headers(self, notice: Notice, policy: Policy) -> Mapping[str, str]:
        url = notice.preferences_url
        if policy.unsubscribe is not Unsubscribe.ONE_CLICK or url is None:
            return {}
        return self.preferences.one_click(url)

    def _text(self, notice: Notice, phone: str, valid_for: timedelta) -> Letter:
        return Letter(
            channel=Channel.SMS,
            recipient=phone,
            recipient_name=None,
            subject="",
            text=self.renderer.text(notice).body,
            html="",
            valid_for=min(valid_for, _LONGEST_HOLD),
            brand=notice.brand,
        )

    def _push(self, notice: Notice, devices: tuple[str, ...], valid_for: timedelta) -> Letter:
        """One notification is written, the customer's devices all get it."""
        rendered = self.renderer.push(notice)
        return Letter(
            channel=Channel.PUSH,
            recipient="",
            recipient_name=None,
            subject=rendered.title,
            text=rendered.body,
            html="",
            valid_for=min(valid_for, _LONGEST_HOLD),
            brand=notice.brand,
            link=notice.pay_url,
            devices=devices,
        )

    def _email(self, notice: Notice, address: str, valid_for: timedelta) -> Letter:
        rendered = self.renderer.email(notice)
        return Letter(
            channel=Channel.EMAIL,
            recipient=address,
            recipient_name=notice.customer_name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            valid_for=valid_for,
            brand=notice.brand,
        )


def _last_day(step: Step, case: Case, policy: Policy, zone: str) -> date | None:
    """Named in the last messages only: in the first ones it would invite to wait."""
    if of_service(step):
        ends_at = case.service_ends_at if step.id != SERVICE_ENDED else None
        return _day(ends_at and ends_at - _MOMENT, zone)
    if not step.final and step.template not in _NAMING_A_DAY:
        return None
    return _day(case.review_at and case.review_at + policy.review.deadline, zone)


def _promised_day(step: Step, case: Case) -> date | None:
    """Named in what is said of the promise only."""
    return case.promise.day if case.promise and step.id.startswith(PROMISE_STEP) else None


def _day(at: datetime | None, zone: str) -> date | None:
    return at.astimezone(ZoneInfo(zone)).date() if at else None


def _notifications(letter: Letter, tags: MessageTags) -> tuple[PushMessage, ...]:
    """The same words for each device."""
    return tuple(
        PushMessage(
            token=device,
            title=letter.subject,
            body=letter.text,
            link=letter.link,
            valid_for=letter.valid_for,
            tags=tags,
        )
        for device in letter.devices
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Postbox:
    """Hands letters to the vendor of their channel.

    `proof_within` is how long the vendor's own report on a message is awaited, where reports come.
    """

    email: EmailSender
    text: TextSender | None
    sender: str
    push: Devices | None = None
    proof_within: Mapping[Channel, timedelta] = field(default_factory=dict[Channel, timedelta])
    gates: Mapping[Channel, Gate] = field(default_factory=dict[Channel, Gate])

    def has(self, channel: Channel) -> bool:
        """Whether a vendor of that channel is configured."""
        vendors = {Channel.SMS: self.text, Channel.PUSH: self.push}
        return channel is Channel.EMAIL or vendors[channel] is not None

    async def ready(self, channel: Channel) -> None:
        """Wait while the vendor of that channel asks for a pause; raise when it lasts."""
        if channel in self.gates:
            await self.gates[channel].ready()

    async def post(self, letter: Letter, tags: MessageTags) -> Accepted:
        """Raise a ProviderError when the vendor did not take it, or may not have."""
        if letter.channel is Channel.PUSH and self.push is not None:
            return await self.push.notify(_notifications(letter, tags))
        if letter.channel is Channel.SMS and self.text is not None:
            return await self.text.send(
                TextMessage(
                    recipient=letter.recipient,
                    body=letter.text,
                    valid_for=letter.valid_for,
                    tags=tags,
                )
            )
        return await self.email.send(
            EmailMessage(
                sender=self.sender,
                sender_name=letter.brand.name,
                recipient=letter.recipient,
                recipient_name=letter.recipient_name,
                reply_to=letter.brand.support_email,
                subject=letter.subject,
                text=letter.text,
                html=letter.html,
                tags=tags,
                copies=letter.copies,
                headers=letter.headers,
            )
        )

    def proof_until(self, channel: Channel, begun_at: datetime) -> datetime:
        """Until when a vendor that cannot be asked may still report on a message by itself."""
        return begun_at + self.proof_within.get(channel, timedelta(0))

    async def find(self, contact: Contact, found: Found, channel: Channel) -> Accepted | None:
        """A message that an earlier, unanswered request created; None when none is known.

        Only the text vendor can be asked. Raise a ProviderError when it does not answer.
        """
        if channel is not Channel.SMS or self.text is None or contact.phone is None:
            return None
        if found.body_digest is None or found.reserved_at is None:
            return None
        return await self.text.find(
            recipient=contact.phone, body_digest=found.body_digest, since=found.reserved_at
        )
