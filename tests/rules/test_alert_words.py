"""Is every alert told in words that say what happened, to what, and what to do?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dunning.alert import Alert, AlertKind, Bundle
from dunning.alert_sentences import EACH, MANY, TITLES, WHAT_TO_DO
from dunning.alert_words import words
from dunning.ports import TeamMessage
from dunning.states import ReviewReason

SINCE = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


def bundle(kind: AlertKind, *subjects: str, total: int | None = None, **detail: str) -> Bundle:
    first = tuple(Alert(kind=kind, subject=subject, detail=detail) for subject in subjects)
    return Bundle(kind=kind, first=first, total=total or len(first), since=SINCE)


def test_every_kind_has_its_words() -> None:
    assert [{*table} for table in (TITLES, EACH, MANY, WHAT_TO_DO)] == [{*AlertKind}] * 4
    for kind in AlertKind:
        alone, several = words(bundle(kind, "7")), words(bundle(kind, "7", "8", "9", total=23))
        assert "{" not in alone.title + alone.body + several.title + several.body
        assert several.title.startswith("23 more ")
        assert "since Nov 23 14:05 UTC: 7, 8, 9 and 20 others. " in several.body


def test_a_review_names_its_reason_and_the_commands() -> None:
    assert words(bundle(AlertKind.REVIEW, "INV-1", reason="amount_differs", round="1")) == (
        TeamMessage(
            title="The case of INV-1 needs a person",
            body="The case of invoice INV-1 needs a decision: another amount was received than the"
            " one that is owed. Until then nobody is written to. Look with `dunning case show"
            " INV-1`, then `dunning case decide INV-1 DECISION`.",
        )
    )
    again = words(bundle(AlertKind.REVIEW, "INV-1", reason="blocked", round="2"))
    assert "INV-1 still waits for one:" in again.body


@pytest.mark.parametrize(
    ("differs", "figures"),
    [
        (
            bundle(AlertKind.AMOUNT_DIFFERS, "INV-1", received="2000 USD", owed="4900 USD"),
            "received 20.00 USD, owed 49.00 USD",
        ),
        (
            bundle(AlertKind.AMOUNT_DIFFERS, "INV-1", received="2000 USD", counted="4900 USD"),
            "received 20.00 USD, counted as 49.00 USD",
        ),
    ],
)
def test_money_that_differs_is_told_with_both_figures(differs: Bundle, figures: str) -> None:
    assert words(differs) == TeamMessage(
        title="A payment of INV-1 is of another amount than expected",
        body=f"A payment of invoice INV-1 is not of the amount that it should be: {figures}. It"
        " changed nothing by itself. `dunning invoice show INV-1` shows each payment. Find out what"
        " came in, then tell it with `POST /v1/invoices/ID/paid`, or correct the invoice.",
    )


@pytest.mark.parametrize("reason", ReviewReason)
def test_every_reason_of_a_review_is_told(reason: ReviewReason) -> None:
    told = words(bundle(AlertKind.REVIEW, "INV-1", reason=reason.value)).body
    assert "a person must decide" not in told


def test_a_strange_invoice_can_neither_steer_a_terminal_nor_a_shell() -> None:
    told = words(bundle(AlertKind.REVIEW, "a'; rm -rf \x1b[2J\n{why}" + "x" * 100))
    assert told.title == f"The case of a'; rm -rf  [2J {{why}}{'x' * 38}… needs a person"
    assert f"show 'a'\"'\"'; rm -rf  [2J {{why}}{'x' * 100}'`" in told.body
    assert "\n" not in told.title + told.body


def test_the_answers_of_customers_are_named_by_their_invoices() -> None:
    replies = words(bundle(AlertKind.REPLY, "7", "8", invoice="INV-1")).body
    assert ": INV-1, INV-1. " in replies
    assert (
        "to a message about invoice INV-1"
        in words(bundle(AlertKind.REPLY, "7", invoice="INV-1")).body
    )
