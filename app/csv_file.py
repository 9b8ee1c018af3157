"""Which records does a CSV file hold, whatever program wrote it?"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from dunning.errors import DunningError

_DELIMITERS = ",;\t"


class CsvFileError(DunningError):
    """The file as a whole cannot be read; the text says why and what to do."""


def records(content: bytes) -> Iterator[tuple[int, list[str] | str]]:
    """Each record with the line it begins on; a text says why it cannot be read.

    Raises CsvFileError, before the first record, for a file that is not UTF-8.
    """
    return _records(_decoded(content))


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CsvFileError("The file is in UTF-16. Save it as CSV UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise CsvFileError(f"Line {line} is not UTF-8 text. Save the file as CSV UTF-8.") from fault


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            yield line, str(fault)
        else:
            if any(cell.strip() for cell in record):
                yield line, record


def _delimiter(text: str) -> str:
    """Spreadsheets of some countries write semicolons or tabs."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)
