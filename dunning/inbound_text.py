"""What is a text that came in, whichever vendor brought it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dunning.replies import Meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundText:
    """A customer's text. Holds personal data: never logged.

    `told` is what the vendor itself took it for, `answered` whether it has replied already.
    """

    vendor_id: str
    sender: str
    body: str
    told: Meaning | None = None
    answered: bool = False


class TextVendor(Protocol):
    """Speaks one vendor's language at the door for texts that come in."""

    @property
    def media_type(self) -> str:
        """Of what `write` makes."""
        ...

    def read(self, form: Mapping[str, str]) -> InboundText:
        """Raise `UnreadableBodyError` when the form is not what the vendor promises."""
        ...

    def write(self, words: str | None) -> bytes:
        """The document with which the text is answered; without words it is not."""
        ...


class FormSignature(Protocol):
    """Proves that a form comes from the vendor and was meant for this address."""

    def verify(
        self,
        url: str,
        form: Mapping[str, str],
        signature: str | None,
        settings_header: str | None,
    ) -> None:
        """Raise `BadSignatureError` unless some accepted secret signed exactly this."""
        ...
