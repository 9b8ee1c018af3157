"""What does a text cost? The `prices` of the policy: by country, for one segment."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from dunning.conditions import Currency
from dunning.document import Document, refusal

DEFAULT = "default"
_PRICE = r"[0-9]{1,4}(\.[0-9]{1,6})?"
_COUNTRY = re.compile(r"[A-Z]{2}")


def _read(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or re.fullmatch(_PRICE, value) is None:
        raise refusal('a price is a decimal number written as text. Write one like "0.0083".')
    return Decimal(value)


def _place(value: str) -> str:
    if value != DEFAULT and _COUNTRY.fullmatch(value) is None:
        raise refusal(
            f"`{value}` is not a country. Write two capital letters, such as US, or `{DEFAULT}`."
        )
    return value


Price = Annotated[
    Decimal,
    BeforeValidator(_read),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PRICE}$", "examples": ["0.0083"]}),
]
Place = Annotated[str, AfterValidator(_place)]


class Prices(Document):
    """What the vendor asks for a segment of a text, by ISO 3166 country of the phone number.

    `default` is for every country that is not named. For rehearsals only: nothing is charged.
    """

    currency: Currency = "USD"
    sms: Mapping[Place, Price] = Field(default_factory=dict[str, Decimal])

    def of_segment(self, country: str | None) -> Decimal | None:
        """The price of one segment; None when the policy does not say."""
        return self.sms.get(country or DEFAULT, self.sms.get(DEFAULT))
