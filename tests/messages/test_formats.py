"""Are amounts and days written as a customer expects them?"""

from __future__ import annotations

from datetime import date

import pytest
from babel import Locale

from dunning.money import Money
from messages.dates import format_day
from messages.languages import fallback_chain, parts_chain, writing_locale
from messages.money import format_money


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "written"),
    [
        (2500, "USD", "en", "$25.00"),
        (2500, "JPY", "en", "¥2,500"),
        (2500, "KWD", "en", "KWD\u00a02.500"),
        (123456789, "EUR", "en", "€1,234,567.89"),
        (2500, "USD", "en_GB", "US$25.00"),
        (2500, "GBP", "en_GB", "£25.00"),
        (2500, "USD", "de", "25,00\u00a0$"),
        (123456789, "EUR", "de", "1.234.567,89\u00a0€"),
        (123456789, "EUR", "fr", "1\u202f234\u202f567,89\u00a0€"),
        (2500, "JPY", "ja", "￥2,500"),
        (2500, "KRW", "en", "₩2,500"),
        (5, "USD", "en", "$0.05"),
        (0, "USD", "en", "$0.00"),
        (1, "KWD", "en", "KWD\u00a00.001"),
        (12345, "UYW", "en", "UYW\u00a01.2345"),
        (2500, "CHF", "en", "CHF\u00a025.00"),
        # Currencies whose everyday use drops the decimals that ISO 4217 gives them.
        (5555, "IQD", "en", "IQD\u00a05.555"),
        (2550, "LBP", "en", "LBP\u00a025.50"),
        (2550, "RSD", "en", "RSD\u00a025.50"),
        (2550, "TWD", "en", "NT$25.50"),
        (123456, "BRL", "pt_BR", "R$\u00a01.234,56"),
        (123456, "KWD", "pt_BR", "KWD\u00a0123,456"),
        (123456, "BRL", "ja", "R$1,234.56"),
        (123456, "KWD", "ja", "KWD\u00a0123.456"),
        (123456, "CHF", "fr_CH", "1\u202f234,56\u00a0CHF"),
        (123456, "KWD", "fr_CH", "123,456\u00a0KWD"),
        (123456, "EUR", "de_AT", "€\u00a01.234,56"),
        (123456, "JPY", "de_AT", "¥\u00a0123.456"),
        (123456, "CHF", "de_CH", "CHF\u00a01\u2019234.56"),
        (123456, "EUR", "es", "1.234,56\u00a0€"),
        (9007199254740993, "USD", "en", "$90,071,992,547,409.93"),
    ],
)
def test_money(minor: int, currency: str, locale: str, written: str) -> None:
    assert format_money(Money(minor=minor, currency=currency), Locale.parse(locale)) == written


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "Thursday, December 3, 2026"),
        ("en_GB", "Thursday, 3 December 2026"),
        ("de", "Donnerstag, 3. Dezember 2026"),
        ("ja", "2026年12月3日木曜日"),
        ("pt_BR", "quinta-feira, 3 de dezembro de 2026"),
        ("fr_CH", "jeudi, 3 décembre 2026"),
        ("de_AT", "Donnerstag, 3. Dezember 2026"),
        ("es", "jueves, 3 de diciembre de 2026"),
    ],
)
def test_day(locale: str, written: str) -> None:
    assert format_day(date(2026, 12, 3), Locale.parse(locale)) == written


@pytest.mark.parametrize(
    ("tag", "chain"),
    [
        ("en", ("en",)),
        ("en-GB", ("en-gb", "en")),
        ("en_GB", ("en-gb", "en")),
        ("de-AT", ("de-at", "de", "en")),
        ("zh-Hant-TW", ("zh-hant-tw", "zh-hant", "zh", "en")),
    ],
)
def test_fallback_chain(tag: str, chain: tuple[str, ...]) -> None:
    assert fallback_chain(tag, "en") == chain


def test_shared_parts_come_from_the_language_of_the_template() -> None:
    chain = fallback_chain("de-AT", "en")
    assert parts_chain(chain, "de", "en") == ("de-at", "de", "en")
    assert parts_chain(chain, "en", "en") == ("en",)


@pytest.mark.parametrize(
    ("wanted", "written", "used"),
    [
        ("en-GB", "en", "en_GB"),
        ("de-DE", "en", "en"),
        ("de-AT", "de", "de_AT"),
        ("zh-Hant-TW", "zh", "zh_Hant_TW"),
        ("", "en", "en"),
        ("../..", "en", "en"),
        ("xx-nonsense", "en", "en"),
        ("en", "house-style", "en"),
    ],
)
def test_amounts_follow_the_customer_when_the_words_do(
    wanted: str, written: str, used: str
) -> None:
    assert str(writing_locale(wanted, written)) == used
