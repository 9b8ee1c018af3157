"""Does every invoice have a workflow id of its own that a person can read?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.ids import WorkflowKey, parse_workflow_id, workflow_id

INVOICE_IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=200)
LONG = "ä" * 200


@pytest.mark.parametrize(
    ("invoice_id", "cycle", "expected"),
    [
        ("INV-1", 1, "dunning:INV-1:1"),
        ("in_1.A", 12, "dunning:in_1.A:12"),
        ("2026/03 #7", 1, "dunning:2026=2F03=20=237:1"),
        ("a:b", 1, "dunning:a=3Ab:1"),
        ("ä", 1, "dunning:=C3=A4:1"),
        ("a=3Ab", 1, "dunning:a=3D3Ab:1"),
        ("~", 1, "dunning:=7E:1"),
    ],
)
def test_readable_forms(invoice_id: str, cycle: int, expected: str) -> None:
    assert workflow_id(invoice_id, cycle) == expected
    assert parse_workflow_id(expected) == WorkflowKey(invoice_id=invoice_id, cycle=cycle)


@pytest.mark.parametrize(
    "value",
    ["", "dunning:INV-1", "dunning:INV-1:0", "other:INV-1:1", "dunning:a=3ab:1", "dunning:=FF:1"],
)
def test_ids_of_somebody_else(value: str) -> None:
    assert parse_workflow_id(value) is None


def test_a_cycle_starts_at_one() -> None:
    with pytest.raises(ValueError, match="starts at 1"):
        workflow_id("INV-1", 0)


def test_an_id_that_is_too_long_is_cut_and_still_its_own() -> None:
    ids = {workflow_id(LONG, 1), workflow_id(LONG[:-1] + "ö", 1), workflow_id(LONG, 10**9)}
    assert len(ids) == 3
    assert all(len(one) <= 255 for one in ids)
    assert parse_workflow_id(workflow_id(LONG, 7)) == WorkflowKey(invoice_id=None, cycle=7)


@given(INVOICE_IDS, INVOICE_IDS, st.integers(1, 10**9))
def test_different_invoices_never_share_an_id(first: str, second: str, cycle: int) -> None:
    one, other = workflow_id(first, cycle), workflow_id(second, cycle)
    assert (one == other) == (first == second)
    assert len(one) <= 255
    parsed = parse_workflow_id(one)
    assert parsed is not None
    assert parsed.cycle == cycle
    assert parsed.invoice_id in (first, None)
