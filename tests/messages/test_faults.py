"""What does a merchant read when a template is wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dunning.errors import PolicyError
from messages.render import Renderer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.messages.conftest import BuildNotice, WriteTemplates

SMS = "here a template may use only: brand, pay_url"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("one\n{{ amuont }}", f"line 2: 'amuont' is undefined; {SMS}"),
        ("{{ amount }}", f"line 1: 'amount' is undefined; {SMS}"),
        ("{{ customer_name }}", f"line 1: 'customer_name' is undefined; {SMS}"),
        ("\n\n{% if %}", "line 3: Expected an expression, got 'end of statement block'"),
        ("{{ 1 / 0 }}", "line 1: the expression cannot be worked out (ZeroDivisionError)"),
        ("{{ pay_url + 1 }}", "line 1: the expression cannot be worked out (TypeError)"),
        ("{% include 'footer.jinja' %}", "line 1: template file 'footer.jinja' is missing"),
        ("{{ brand.__class__.mro() }}", "line 1: "),
        ("\n{{ brand.nmae }}", "line 2: "),
    ],
)
def test_a_wrong_text_names_file_line_and_fix(
    source: str, sentence: str, write_templates: WriteTemplates, notice: BuildNotice
) -> None:
    directory = write_templates(en__reminder__sms=source)
    with pytest.raises(PolicyError) as raised:
        Renderer(directory).text(notice("reminder"))
    (problem,) = raised.value.problems
    assert problem.startswith(f"{directory}/en/reminder.sms.jinja, {sentence}")
    assert raised.value.__cause__ is None


EMAIL = (
    "{% extends layout %}{% block subject %}%s{% endblock %}\n"
    "{% block preheader %}p{% endblock %}\n{% block body %}b{% endblock %}"
)


def test_the_amount_cannot_be_put_into_a_subject(
    write_templates: WriteTemplates, notice: BuildNotice
) -> None:
    directory = write_templates(en__reminder__email=EMAIL.replace("%s", "Pay {{ amount }}"))
    with pytest.raises(PolicyError, match="line 1: 'amount' is undefined") as raised:
        Renderer(directory).email(notice("reminder"))
    assert raised.value.problems[0].endswith("here a template may use only: brand, layout")


def test_an_email_without_a_subject_is_refused(
    write_templates: WriteTemplates, notice: BuildNotice
) -> None:
    directory = write_templates(en__reminder__email=EMAIL.replace("%s", " \n "))
    with pytest.raises(PolicyError) as raised:
        Renderer(directory).email(notice("reminder"))
    assert raised.value.problems == (
        "reminder.email.jinja: the subject is empty; add {% block subject %} with words",
    )


def test_an_empty_text_is_refused(write_templates: WriteTemplates, notice: BuildNotice) -> None:
    directory = write_templates(en__reminder__sms="{# nothing #}\n")
    with pytest.raises(PolicyError, match="the text message is empty"):
        Renderer(directory).text(notice("reminder"))


@pytest.mark.parametrize("template", ["no_such", "../en/reminder", "reminder.email", ""])
def test_an_unknown_template_names_those_there_are(
    template: str, renderer: Renderer, notice: BuildNotice
) -> None:
    with pytest.raises(PolicyError) as raised:
        renderer.text(notice(template))
    (problem,) = raised.value.problems
    assert problem == (
        f"template '{template}' has no sms form in 'en'; add en/{template}.sms.jinja or use one "
        "of: authenticate, card_declined, card_expired, card_update_failed, final_notice, "
        "insufficient_funds, promise_broken, promise_confirmed, reminder, several"
    )


def test_a_receipt_has_no_text_form(renderer: Renderer, notice: BuildNotice) -> None:
    with pytest.raises(PolicyError, match="'payment_received' has no sms form in 'en'"):
        renderer.text(notice("payment_received"))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "templates"
    with pytest.raises(PolicyError) as raised:
        Renderer(missing)
    assert raised.value.problems == (
        f"{missing}: no such template directory; create it or unset the setting",
    )


@pytest.mark.parametrize("source", ["{# nothing #}", "{{ brand.name }}", "\n \n"])
def test_a_push_message_needs_a_title_and_a_body(
    source: str, write_templates: WriteTemplates, notice: BuildNotice
) -> None:
    directory = write_templates(en__reminder__push=source)
    with pytest.raises(PolicyError) as raised:
        Renderer(directory).push(notice("reminder"))
    assert raised.value.problems == (
        "reminder.push.jinja: write a line for the title and one for the body",
    )
