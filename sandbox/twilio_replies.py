"""What happens when a customer answers a text?"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sandbox.clock import SandboxClock
from sandbox.courier import Post
from sandbox.inbox import Channel, Inbox, MessageDraft, Reply
from sandbox.manner import ORDINARY, Manner
from sandbox.segments import segment_count
from sandbox.settings import SandboxSettings
from sandbox.twilio_post import TwilioPost
from sandbox.twilio_texts import Direction, Text, TwilioTexts, new_sid

_STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
_START = {"START", "YES", "UNSTOP"}


class NoAddressError(Exception):
    """A reply cannot be handed on: the vendor was not told where to."""


@dataclass(frozen=True, slots=True)
class TwimlAnswer:
    """What the merchant answered to an incoming text; `messages` are the texts it ordered."""

    status: int | None
    body: str
    messages: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A text from a customer. `service` is the merchant's, if one wrote to this customer last."""

    sid: str
    account_sid: str
    sender: str
    to: str
    body: str
    service: str | None
    opt_out_type: str | None

    @property
    def wish(self) -> str | None:
        """STOP, START or nothing that the vendor understands itself."""
        if self.opt_out_type:
            return self.opt_out_type
        word = self.body.strip().upper()
        return "STOP" if word in _STOP else "START" if word in _START else None

    def form(self) -> dict[str, str]:
        service = {"MessagingServiceSid": self.service} if self.service else {}
        opt_out = {"OptOutType": self.opt_out_type} if self.opt_out_type else {}
        return {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": self.body,
            "From": self.sender,
            "MessageSid": self.sid,
            "NumMedia": "0",
            "NumSegments": str(segment_count(self.body)),
            "SmsMessageSid": self.sid,
            "SmsSid": self.sid,
            "SmsStatus": "received",
            "To": self.to,
            **service,
            **opt_out,
        }


class TwilioReplies:
    def __init__(
        self,
        settings: SandboxSettings,
        clock: SandboxClock,
        inbox: Inbox,
        texts: TwilioTexts,
        post: TwilioPost,
    ) -> None:
        self.url = settings.twilio_replies_url
        self._settings = settings
        self._clock = clock
        self._inbox = inbox
        self._texts = texts
        self._post = post

    async def reply(
        self,
        from_number: str,
        body: str,
        *,
        to: str | None = None,
        opt_out_type: str | None = None,
        manner: Manner = ORDINARY,
    ) -> TwimlAnswer:
        """Hand a customer's text to the merchant; the last of the answers, if it is repeated."""
        if self.url is None:
            raise NoAddressError("No address for incoming texts is set.")
        incoming = self._incoming(from_number, body, to, opt_out_type)
        self._keep_opt_out(incoming)
        self._texts.add(self._text(incoming, Direction.INBOUND))
        posts = [await self._hand_on(incoming, self.url, manner) for _ in range(manner.repeat)]
        answers = [self._answer(post, incoming) for post in posts]
        self._inbox.replies.append(
            Reply(
                sender=from_number,
                to=incoming.to,
                text=body,
                arrived_at=self._clock.now(),
                after=len(self._inbox),
                answer=_told(answers[-1], incoming.wish),
            )
        )
        for answer in answers:
            self._send(incoming, answer)
        return answers[-1]

    def _incoming(
        self, sender: str, body: str, to: str | None, opt_out_type: str | None
    ) -> Incoming:
        """To the number, and by the service, that wrote to this customer last."""
        last = self._texts.latest_to(sender)
        ours = (last.sender if last else None) or self._settings.twilio_number
        return Incoming(
            sid=new_sid("SM"),
            account_sid=last.account_sid if last else self._settings.twilio_account_sid,
            sender=sender,
            to=to or ours,
            body=body,
            service=last.service if last and to in (None, ours) else None,
            opt_out_type=opt_out_type,
        )

    def _keep_opt_out(self, incoming: Incoming) -> None:
        """Before the merchant hears of it, as the vendor does."""
        ours = {incoming.to, *({incoming.service} if incoming.service else ())}
        pairs = {(incoming.sender, sender) for sender in ours}
        if incoming.wish == "STOP":
            self._texts.stopped |= pairs
        elif incoming.wish == "START":
            self._texts.stopped -= pairs

    async def _hand_on(self, incoming: Incoming, url: str, manner: Manner) -> Post:
        return await self._post.send(incoming.account_sid, url, incoming.form(), manner)

    def _answer(self, post: Post, incoming: Incoming) -> TwimlAnswer:
        (attempt,) = post.attempts
        blocked = (incoming.sender, incoming.to) in self._texts.stopped
        ordered = () if blocked or not attempt.accepted else _ordered(attempt.answer)
        return TwimlAnswer(attempt.status, attempt.answer, ordered, attempt.error)

    def _send(self, incoming: Incoming, answer: TwimlAnswer) -> None:
        for body in answer.messages:
            text = self._text(incoming, Direction.REPLY, body)
            self._texts.add(text)
            draft = MessageDraft(
                channel=Channel.SMS,
                vendor_id=text.sid,
                to=text.to,
                sender=text.sender or "",
                text=body,
                segments=segment_count(body),
                payload={**text.form},
            )
            self._inbox.add(draft, arrived_at=self._clock.now(), taken_at=self._clock.wall())

    def _text(self, incoming: Incoming, direction: Direction, body: str | None = None) -> Text:
        ours, theirs = incoming.to, incoming.sender
        received = direction is Direction.INBOUND
        form: Mapping[str, str] = incoming.form() if received else {"InReplyTo": incoming.sid}
        return Text(
            sid=incoming.sid if received else new_sid("SM"),
            account_sid=incoming.account_sid,
            to=ours if received else theirs,
            sender=theirs if received else ours,
            service=incoming.service,
            body=incoming.body if body is None else body,
            form=form,
            created_at=self._clock.wall(),
            status="received" if received else "queued",
            direction=direction,
        )


def _ordered(twiml: str) -> tuple[str, ...]:
    """The texts of all `<Message>` elements; none where it is not TwiML."""
    try:
        root = ET.fromstring(twiml)  # noqa: S314 - the program under test wrote it
    except ET.ParseError:
        return ()
    bodies = ("".join(message.itertext()).strip() for message in root.iter("Message"))
    return tuple(body for body in bodies if body)


def _told(answer: TwimlAnswer, wish: str | None) -> str:
    """What a person reads below the reply."""
    if answer.error:
        return "the merchant could not be reached"
    if answer.status is None or not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's 2xx
        return f"the merchant answered {answer.status}"
    return {"STOP": "stops all texts", "START": "allows texts again"}.get(wish or "", "")
