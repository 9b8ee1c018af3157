"""What do all pages of a customer share? The brand around them, one language, and one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from dunning.money import Money
from dunning.notice import Brand, Notice
from messages.languages import language_tag, writing_locale
from messages.parameters import clean_brand, email_parameters
from web.portal.headers import security_headers
from web.portal.words import Words, words_for

_A_MINUTE = 60


class Apology(Enum):
    """Why there is nothing to show: the status of the answer."""

    UNKNOWN = 404
    EXPIRED = 410
    OFTEN = 429
    LATER = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The words of a page, and the locale in which amounts are written."""

    locale: Locale
    words: Words


class Frame:
    """Draws pages under one brand; `default_locale` is for customers without one."""

    def __init__(self, brand: Brand, default_locale: str) -> None:
        self.brand = clean_brand(brand)
        self._default = default_locale
        self._templates = Environment(
            loader=PackageLoader("web.portal"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = self._templates.get_template("style.css")
        self._style = style.render(color=brand.color, ink=_ink(brand))

    def speech(self, wanted: str | None = None) -> Speech:
        """The best there is for a customer's locale."""
        tag = wanted or self._default
        language, words = words_for(tag, self._default)
        return Speech(locale=writing_locale(tag, language), words=words)

    def draw(
        self,
        template: str,
        speech: Speech,
        content: Mapping[str, object],
        *,
        status: int = 200,
        leads_to: str | None = None,
        retry_after: int | None = None,
    ) -> HTMLResponse:
        """One page; `leads_to` is where its form may lead to, beside ourselves.

        A page for later says after how many seconds; without them after a minute.
        """
        page = self._templates.get_template(template).render(
            content,
            brand=self.brand,
            style=Markup(self._style),  # noqa: S704 (made above from a checked colour)
            lang=language_tag(speech.locale),
            direction=speech.locale.text_direction,
        )
        headers = security_headers(
            style=self._style, logo_url=self.brand.logo_url, leads_to=leads_to
        )
        if retry_after or status == Apology.LATER.value:
            headers["Retry-After"] = str(retry_after or _A_MINUTE)
        return HTMLResponse(page, status_code=status, headers=headers)


def _ink(brand: Brand) -> object:
    """The colour of letters on the brand's, the same as on the button of an email."""
    sample = Notice(
        template="page",
        locale="en",
        brand=brand,
        amount=Money(minor=0, currency="USD"),
        invoice_id="",
        pay_url="",
    )
    return email_parameters(sample, Locale("en"))["button_ink"]
