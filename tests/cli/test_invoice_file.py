"""Which rows of a CSV file are invoices, and what is said of the others?"""

from __future__ import annotations

import pytest

from app.csv_file import CsvFileError
from app.invoice_file import BadRow, GoodRow, read_invoices
from dunning.registration import InvoiceRegistration

NEEDED = "id,amount_due,currency,customer_id"


def problems(content: str) -> list[tuple[int, str, str]]:
    return [
        (problem.line, problem.field, problem.reason)
        for row in read_invoices(content.encode())
        if isinstance(row, BadRow)
        for problem in row.problems
    ]


def good(content: bytes) -> list[GoodRow]:
    return [row for row in read_invoices(content) if isinstance(row, GoodRow)]


def test_a_row_becomes_what_the_http_interface_takes() -> None:
    header = f"{NEEDED},customer_email,customer_tags,transaction_ids,due_at,plan"
    row = "INV-1,4900,USD,cus_1,ada@example.com,vip early,T1 T2,2026-11-20T00:00:00Z,"
    assert good(f"{header}\n{row}\n".encode()) == [
        GoodRow(
            line=2,
            invoice_id="INV-1",
            patch=InvoiceRegistration.model_validate(
                {
                    "amount_due": 4900,
                    "currency": "USD",
                    "due_at": "2026-11-20T00:00:00Z",
                    "customer": {
                        "id": "cus_1",
                        "email": "ada@example.com",
                        "tags": ("vip", "early"),
                    },
                    "revtain": {"transaction_ids": ("T1", "T2")},
                }
            ),
        )
    ]


def test_an_empty_cell_says_nothing() -> None:
    (row,) = good(f"{NEEDED},plan,customer_email\nINV-1,,,,pro,\n".encode())
    assert row.patch.model_fields_set == {"plan"}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_spreadsheets_write_is_read(delimiter: str) -> None:
    text = f"{NEEDED}\r\nINV-1,100,USD,c1\r\n".replace(",", delimiter)
    (row,) = good(b"\xef\xbb\xbf" + text.encode())
    assert (row.invoice_id, row.patch.amount_due) == ("INV-1", 100)


def test_line_numbers_count_lines_not_rows() -> None:
    content = (
        f'{NEEDED},description\nINV-1,100,USD,c1,"Pro plan,\r\nNovember"\n\nINV-2,49.00,usd,c2,\n'
    )
    (row,) = good(content.encode())
    assert row.patch.description == "Pro plan, November"
    assert problems(content) == [
        (5, "amount_due", "must be a whole number of minor units, such as 4900 for 49.00"),
        (5, "currency", 'must be an ISO 4217 code of three capitals, such as "USD"'),
    ]


def test_every_fault_of_every_row_is_told() -> None:
    content = (
        f"{NEEDED},customer_email,customer_sms_consent_at\n"
        ",1,USD,c1,,\n"
        "INV-1,1,USD,c1,nobody,yesterday\n"
        "INV-1,1,USD,c1,,\n"
        "INV-2,1\n"
        f"{'x' * 201},1,USD,c1,,\n"
        "INV-3,1,USD,c1,,\n"
    )
    assert [row.invoice_id for row in good(content.encode())] == ["INV-3"]
    assert problems(content) == [
        (2, "id", "is missing"),
        (3, "customer_email", 'must be an email address, such as "ada@example.com"'),
        (
            3,
            "customer_sms_consent_at",
            'must be an RFC 3339 instant with a zone, such as "2026-11-20T00:00:00Z"',
        ),
        (4, "id", "is on line 3 already; keep one of the rows"),
        (5, "", "has 2 cells, but there are 6 columns"),
        (6, "id", "must be 1 to 200 characters without control characters"),
    ]


def test_a_quote_that_never_ends_is_told_where_it_begins() -> None:
    (line, field, reason), *_ = problems(f'{NEEDED}\nINV-1,1,USD,"c1\nINV-2,1,USD,c2\n')
    assert (line, field) == (2, "")
    assert reason.startswith("is not CSV: ")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"\xff\xfei\x00d\x00", "The file is in UTF-16."),
        (b"id\nINV-1\nINV-\xe9\n", "Line 3 is not UTF-8 text."),
        (b"id,amout\n", "Line 1 names columns that are not known: 'amout'."),
        (b"id,plan,plan\n", "Line 1 names columns twice: plan."),
        (b"amount_due,currency\n", "Line 1 does not name the column `id`."),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(CsvFileError) as refused:
        read_invoices(content)
    assert str(refused.value).startswith(told)


def test_a_header_alone_is_no_invoice() -> None:
    assert read_invoices(f"{NEEDED}\n".encode()) == []
