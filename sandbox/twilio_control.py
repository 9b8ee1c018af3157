"""How does a test in the same process play Twilio and the customers who answer it?"""

from sandbox.courier import Post
from sandbox.manner import ORDINARY, Manner
from sandbox.twilio_callbacks import TextFate, TwilioCallbacks
from sandbox.twilio_post import TwilioPost
from sandbox.twilio_replies import TwilioReplies, TwimlAnswer
from sandbox.twilio_signature import SharedKey
from sandbox.twilio_texts import TwilioTexts


class TwilioControl:
    """Twilio's side of feedback: statuses of texts, and texts from customers."""

    def __init__(
        self,
        texts: TwilioTexts,
        callbacks: TwilioCallbacks,
        replies: TwilioReplies,
        post: TwilioPost,
    ) -> None:
        self.texts = texts
        self.callbacks = callbacks
        self._replies = replies
        self._post = post

    @property
    def deliveries(self) -> list[Post]:
        """Every form that was posted to the merchant."""
        return self._post.deliveries

    def send_replies_to(self, url: str | None) -> None:
        self._replies.url = url

    def report_statuses(self, *, on: bool = True) -> None:
        """Whether texts are reported by themselves to the callback that was asked for."""
        self.callbacks.on = on

    def set_fate(self, number: str, fate: TextFate | str) -> None:
        """What becomes of texts to a number: `undelivered:30005`, `failed`, `sent`, `silent`."""
        self.callbacks.set_fate(number, fate)

    def sign_with(self, shared: SharedKey | None) -> None:
        """Sign by a shared key and SHA-256; None returns to the account's token and SHA-1."""
        self._post.shared_key = shared

    async def report(
        self,
        sid: str,
        *statuses: str,
        error_code: int | None = None,
        manner: Manner = ORDINARY,
    ) -> list[Post]:
        """Report statuses of a text by hand; KeyError if there is no such text."""
        text = self.texts.get(sid)
        if text is None:
            raise KeyError(sid)
        return await self.callbacks.report(text, *statuses, error_code=error_code, manner=manner)

    async def reply(
        self,
        from_number: str,
        body: str,
        to: str | None = None,
        opt_out_type: str | None = None,
        *,
        manner: Manner = ORDINARY,
    ) -> TwimlAnswer:
        """A customer writes; the merchant's answer. NoAddressError while no address is set."""
        return await self._replies.reply(
            from_number, body, to=to, opt_out_type=opt_out_type, manner=manner
        )
