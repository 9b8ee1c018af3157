"""In which odd ways may a vendor's report arrive?"""

from pydantic import BaseModel, ConfigDict, Field


class Manner(BaseModel):
    """What is out of the ordinary about the way in which reports are told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    forge: bool = False
    """Sign with another key than the vendor's."""
    signature: str | None = None
    """Send this in place of a signature; empty leaves the header out."""
    repeat: int = Field(default=1, ge=1, le=1000)
    reordered: bool = False
    """Tell the last first, though the instants inside keep their true order."""
    tampered: bool = False
    """Change the body after it was signed."""
    truncated: bool = False
    """Cut the body in half before it is signed."""
    age_s: float = 0.0
    """Sign with an instant that lies so far back; a scheme without one is not touched by it."""
    delay_s: float = Field(default=0.0, ge=0)
    """Tell it so much later, in the background."""
    redeliver: bool | None = None
    """Try again until it is accepted; by default as the vendor does, but for what is forged."""

    @property
    def is_false(self) -> bool:
        """Whether a receiver is meant to refuse it."""
        odd = self.forge or self.tampered or self.truncated
        return odd or self.signature is not None or self.age_s != 0

    def cut(self, raw: bytes) -> bytes:
        """The bytes that are signed."""
        return raw[: len(raw) // 2] if self.truncated else raw

    def on_the_way(self, body: bytes) -> bytes:
        """The bytes that arrive."""
        return body + b" " if self.tampered else body


ORDINARY = Manner()
