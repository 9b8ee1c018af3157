"""Is the merchant introduced in a way that customers can see, trust and answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.finding import Code, Finding
from dunning.prices import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dunning.notice import Brand
    from dunning.policy import Policy
    from dunning.surroundings import Surroundings

_LONGEST_BRAND = 20
# Letters on the colour are black or white, whichever reads better, so they are always readable
# (4.5 at least). What can fail is that the button itself is not seen on its white card: WCAG 2.2
# asks for no contrast of a button with words on it, so only what is all but white is told.
_LEAST_CONTRAST = 1.1
_EXAMPLES = ("example.com", "example.net", "example.org", ".example", ".invalid", ".test")


def brand(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    """The `brand` of the policy, and the `prices` of its texts."""
    texts = any(Channel.SMS in step.roads for c in policy.campaigns for step in c.steps)
    if texts:
        yield from _name(policy.brand)
        yield from _prices(policy)
    yield from _looks(policy.brand)
    if around.live and policy.brand.support_email.lower().endswith(_EXAMPLES):
        yield Finding(
            code=Code.EXAMPLE_ADDRESS,
            path="brand.support_email",
            problem=f"replies of customers go to {policy.brand.support_email}, which nobody reads",
            fix="Write the address of your billing team.",
            note=True,
        )


def _name(brand: Brand) -> Iterator[Finding]:
    length = len(brand.name)
    if not 0 < length <= _LONGEST_BRAND:
        yield Finding(
            code=Code.BRAND_NAME,
            path="brand.name",
            problem="a text must say who writes, but the brand name "
            + ("is empty" if not length else f"has {length} characters"),
            fix=f"Write a name of 1 to {_LONGEST_BRAND} characters, or remove the text steps.",
        )


def _prices(policy: Policy) -> Iterator[Finding]:
    """Prices are for rehearsals and may be left out; a list with gaps counts too little."""
    prices = policy.prices.sms
    if prices and DEFAULT not in prices:
        yield Finding(
            code=Code.MISSING_PRICE,
            path="prices.sms",
            problem=f"texts to other countries than {', '.join(sorted(prices))} have no price, so "
            "a rehearsal counts them as nothing",
            fix=f"Add a price for `{DEFAULT}`.",
        )


def _looks(brand: Brand) -> Iterator[Finding]:
    if brand.logo_url is not None and not brand.logo_url.startswith("https://"):
        yield Finding(
            code=Code.LOGO_NOT_HTTPS,
            path="brand.logo_url",
            problem="the logo is fetched without encryption, and many mail programs refuse that",
            fix="Write its address with https://.",
        )
    if _contrast_with_white(brand.color) < _LEAST_CONTRAST:
        yield Finding(
            code=Code.PALE_COLOR,
            path="brand.color",
            problem=f"a button in {brand.color} cannot be told from the white around it",
            fix="Choose a darker colour.",
        )


def _contrast_with_white(color: str) -> float:
    """Between 1, white itself, and 21, black (WCAG contrast ratio)."""
    digits = color.removeprefix("#")
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(channel: float) -> float:
    low = 0.04045  # where the sRGB curve (IEC 61966-2-1) turns from a line into a power
    return channel / 12.92 if channel <= low else ((channel + 0.055) / 1.055) ** 2.4
