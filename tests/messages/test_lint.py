"""Does the linter find the templates that would fail, mislead or cost too much?"""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dunning.finding import Code, Finding
from messages.lint import lint
from tests.rules.policies import campaign, policy, step

if TYPE_CHECKING:
    from tests.messages.conftest import WriteTemplates

SHIPPED = Path(str(files("campaigns"))) / "templates"
BRAND = {"name": "Acme", "support_email": "billing@acme.co"}
RULES = policy(
    campaign("a", step("first", after="2h"), {**step("text", after="4d"), "channel": "sms"}),
    brand=BRAND,
)
STOP = "{{ pay_url }} Reply STOP to opt out"
SOUND = "{{ brand.name }}: please pay. " + STOP


def email(subject: str = "Hello", body: str = "Please pay.", extra: str = "") -> str:
    return (
        "{% extends layout %}\n{% block subject %}" + subject + "{% endblock %}\n"
        "{% block preheader %}A word.{% endblock %}\n{% block heading %}Hello{% endblock %}\n"
        "{% block body %}" + body + "{% endblock %}\n" + extra
    )


# fmt: off
ONE_EACH: list[tuple[Code, str, str, str, str, str]] = [
    # code, file, its source, where in it, a piece of the problem, a piece of the fix
    (Code.TEMPLATE_SYNTAX, "en__reminder__sms", "a\n{% if %}", ":2",
     "Expected an expression", "Correct the template syntax."),
    (Code.TEMPLATE_SYNTAX, "en__words__x", "{% macro %}", ":1",
     "expected token 'name'", "Correct the template syntax."),
    (Code.UNKNOWN_VARIABLE, "en__reminder__sms", SOUND + "\n{{ pay_ulr }}", ":2",
     "there is no `pay_ulr` in this place",
     "Did you mean `pay_url`? It may use only: brand, pay_url."),
    (Code.UNKNOWN_VARIABLE, "en__reminder__sms", SOUND + "\n{{ brand.nmae }}", ":2",
     "there is no `brand.nmae` in this place", "Did you mean `brand.name`?"),
    (Code.UNKNOWN_VARIABLE, "en__reminder__email", email("You owe {{ amount }}"), ":2",
     "there is no `amount` in this place", "It may use only: brand."),
    (Code.UNKNOWN_VARIABLE, "en__reminder__email",
     email(body="{% if amount == 'never' %}\n{{ amuont }}{% endif %}"), ":6",
     "there is no `amuont` in this place", "Did you mean `amount`?"),
    (Code.UNKNOWN_VARIABLE, "en__reminder__push", "{{ brand.name }}\n{{ pay_url }}", ":2",
     "there is no `pay_url` in this place", "It may use only: brand."),
    (Code.TEMPLATE_FAILS, "en__reminder__sms", SOUND + "{{ 1 / 0 }}", ":1",
     "the expression cannot be worked out (ZeroDivisionError)", "Print plain values only."),
    (Code.TEMPLATE_FAILS, "en__reminder__sms", "  ", "",
     "the text message is empty", "Write its words."),
    (Code.TEMPLATE_FAILS, "en__reminder__email", email("{# nothing #}"), "",
     "the subject is empty", "Add {% block subject %} with words."),
    (Code.TEMPLATE_FAILS, "en__reminder__push", "one line", "",
     "write a line for the title and one for the body", ""),
    (Code.BROKEN_LINK, "en__reminder__email", email(body="See\nhttps://example.com/help."), ":6",
     "the link https://example.com/help leads nowhere", "Write an address that customers can"),
    (Code.BROKEN_LINK, "en__reminder__email", email(body="https://acme/help"), ":5",
     "the link https://acme/help leads nowhere", "Write an address"),
    (Code.BROKEN_LINK, "en__reminder__email", email(body="http://[help]"), ":5",
     "the link http://[help] leads nowhere", "Write an address"),
    (Code.BROKEN_LINK, "en__reminder__sms", SOUND.replace("please", "http://localhost:80/"), ":1",
     "the link http://localhost:80/ leads nowhere", "Write an address"),
    (Code.SUBJECT_TOO_LONG, "en__reminder__email", email("x" * 61), "",
     "the subject has 61 characters", "Write 60 or less"),
    (Code.TEXT_NOT_GSM7, "en__reminder__sms", SOUND.replace("please", "\u201cplease\u201d"), "",
     "`\u201c`, `\u201d` are outside the alphabet of texts", 'Write `"` for `\u201c`, `"` for'),
    (Code.TEXT_NOT_GSM7, "de__reminder__sms", SOUND.replace("please", "płease"), "",
     "`ł` is outside the alphabet of texts", "Leave it out"),
    (Code.TEXT_TOO_LONG, "en__reminder__sms", SOUND + " x" * 120, "",
     "the text takes 3 segments", "Shorten it to 2 segments or less."),
    (Code.TEXT_WITHOUT_BRAND, "en__reminder__sms", STOP, "",
     "the text does not say who writes", "Begin it with {{ brand.name }}."),
    (Code.TEXT_WITHOUT_OPT_OUT, "en__reminder__sms", "{{ brand.name }}: stop by. {{ pay_url }}",
     "", "the text does not say how to stop such texts", "Reply STOP to opt out"),
]
SOUND_SOURCES = {
    "en__reminder__sms": SOUND + " {# https://example.com #}",
    "ja__reminder__sms": SOUND.replace("please pay", "お支払い"),
    "pl__reminder__sms": SOUND.replace("please pay", "prosimy zapłacić"),
    "fr__reminder__sms": SOUND.replace("Reply STOP", "Répondez ARRET"),
    "en__reminder__email": email(
        "{% set what = brand.name %}{{ what }}",
        "{% for line in lines %}{{ line.amount }} {{ loop.index }}{% endfor %} {{ brand.website }}"
        "https://acme.co/help, https://{{ brand.support_email }}/x",
        "{% macro aside(word) %}{{ word }}{% endmacro %}{{ aside(last_day) }}",
    ),
}
# fmt: on
CODES = {one[0] for one in ONE_EACH} | {Code.MISSING_LANGUAGE}


@pytest.mark.parametrize(
    ("code", "name", "source", "line", "problem", "fix"),
    ONE_EACH,
    ids=[f"{one[0]}-{number}" for number, one in enumerate(ONE_EACH)],
)
def test_exactly_this_is_found(
    code: Code,
    name: str,
    source: str,
    line: str,
    problem: str,
    fix: str,
    tmp_path: Path,
) -> None:
    path = written(tmp_path, name, source)
    (told,) = lint(RULES, tmp_path)
    assert (told.code, told.path) == (code, f"{path}{line}")
    assert problem in told.problem
    assert fix in told.fix


@pytest.mark.parametrize("name", SOUND_SOURCES)
def test_a_sound_template_has_nothing_to_mend(name: str, tmp_path: Path) -> None:
    written(tmp_path, name, SOUND_SOURCES[name])
    assert [one for one in lint(RULES, tmp_path) if not one.note] == []


def test_the_templates_that_ship_have_nothing_to_mend(tmp_path: Path) -> None:
    assert lint(RULES, None) == ()
    folder = tmp_path / "templates"
    shutil.copytree(SHIPPED, folder)
    assert lint(RULES, folder) == ()


def test_a_language_that_is_spoken_lacks_a_template(write_templates: WriteTemplates) -> None:
    folder = write_templates(en__welcome__email=email(), de__reminder__sms=SOUND)
    rules = policy(
        campaign("a", step("first", after="2h", template="welcome"), when={"locale": ["fr-CA"]}),
        campaign("b"),
        brand=BRAND,
    )
    assert lint(rules, folder) == (
        Finding(
            code=Code.MISSING_LANGUAGE,
            path="fr-CA/welcome.email.jinja",
            problem="the template welcome for email is missing in fr-CA, de, so these customers "
            "get it in en",
            fix="Write it, as welcome.email.jinja in the folder of each language.",
            note=True,
        ),
    )


def test_a_fault_of_the_frame_is_told_once(tmp_path: Path) -> None:
    frame = tmp_path / "layout.mjml"
    frame.write_text("<mjml>{{ amuont }}</mjml>", encoding="utf-8")
    (told,) = lint(RULES, tmp_path)
    assert (told.code, told.path) == (Code.UNKNOWN_VARIABLE, f"{frame}:1")
    frame.write_text("<mjml>{{ 1 / 0 }}</mjml>", encoding="utf-8")
    (told,) = lint(RULES, tmp_path)
    assert (told.code, told.path) == (Code.TEMPLATE_FAILS, f"{frame}:1")


def test_a_brand_that_cannot_be_written_in_texts_is_told_once() -> None:
    rules = RULES.model_copy(update={"brand": policy(brand={**BRAND, "name": "Łódź"}).brand})
    (told,) = lint(rules, None)
    assert (told.code, told.path) == (Code.TEXT_NOT_GSM7, "brand.name")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "en__reminder__sms", "")
    path.write_bytes(b"\xff\xfe")
    (told,) = lint(RULES, tmp_path)
    assert (told.code, told.path) == (Code.TEMPLATE_FAILS, f"{path}:1")


def test_a_long_public_address_lengthens_the_texts(write_templates: WriteTemplates) -> None:
    folder = write_templates(en__reminder__sms=SOUND)
    assert lint(RULES, folder) == ()
    far = lint(RULES, folder, public_url="https://pay.acme.co/" + "x" * 300)
    assert {finding.code for finding in far} == {Code.TEXT_TOO_LONG}


def written(folder: Path, name: str, source: str) -> Path:
    """`en__reminder__sms` is the file en/reminder.sms.jinja, `en__words__x` en/words.jinja."""
    locale, template, kind = name.split("__")
    ending = "jinja" if template == "words" else f"{kind}.jinja"
    path = folder / locale / f"{template}.{ending}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path
