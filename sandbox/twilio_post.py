"""How does a form of Twilio's get to the merchant?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from sandbox.courier import Courier, DeliveryState, Post
from sandbox.manner import Manner
from sandbox.settings import SandboxSettings
from sandbox.twilio_signature import SIGNATURE_HEADER, SharedKey, TwilioSigner


@dataclass(slots=True)
class TwilioPost:
    """Signs and posts each form once: Twilio does not repeat what was answered at all."""

    settings: SandboxSettings
    courier: Courier
    shared_key: SharedKey | None = None
    deliveries: list[Post] = field(default_factory=list[Post])

    def __post_init__(self) -> None:
        given = self.settings.twilio_shared_key
        self.shared_key = SharedKey(*given) if given else None

    async def send(
        self, account_sid: str, url: str, form: Mapping[str, str], manner: Manner
    ) -> Post:
        signed = dict(form)
        raw = urlencode(form).encode()
        if manner.truncated:
            raw = manner.cut(raw)
            signed = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        post = Post(number=len(self.deliveries) + 1, url=url, body=raw.decode())
        self.deliveries.append(post)
        post.headers = self._headers(account_sid, url, signed, manner)
        body = raw + b"&Tampered=1" if manner.tampered else raw
        attempt = await self.courier.post(url, body, post.headers)
        post.attempts.append(attempt)
        post.state = DeliveryState.ACCEPTED if attempt.accepted else DeliveryState.GIVEN_UP
        return post

    def _headers(
        self, account_sid: str, url: str, form: Mapping[str, str], manner: Manner
    ) -> dict[str, str]:
        settings = self.settings
        token = settings.twilio_credentials.get(account_sid, settings.twilio_auth_token)
        signer = TwilioSigner(token, self.shared_key)
        made = (signer.forged() if manner.forge else signer).headers(url, form)
        if manner.signature is not None:
            made[SIGNATURE_HEADER] = manner.signature
        kept = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", **made}
        return {name: value for name, value in kept.items() if value}
