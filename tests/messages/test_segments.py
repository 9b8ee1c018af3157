"""Does the count of a text message agree with what carriers bill?"""

from __future__ import annotations

import pytest

from messages.segments import Encoding, Flip, Measure, measure

GSM, UCS = Encoding.GSM7, Encoding.UCS2


@pytest.mark.parametrize(
    ("body", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 0),
        ("a", GSM, 1, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", GSM, 31, 1),
        ("¡ÄÖÑÜ§¿äöñüà", GSM, 12, 1),
        ("\f^{}\\[~]|€", GSM, 20, 1),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        # The escape and its character stay together: 76 of them fill 152 of 153 septets.
        ("€" * 152, GSM, 304, 2),
        ("€" * 153, GSM, 306, 3),
        ("ç", UCS, 1, 1),
        ("日" * 70, UCS, 70, 1),
        ("日" * 71, UCS, 71, 2),
        ("日" * 134, UCS, 134, 2),
        ("日" * 135, UCS, 135, 3),
        ("😀" * 35, UCS, 70, 1),
        ("😀" * 36, UCS, 72, 2),
        # A pair of surrogates stays together: 33 emoji fill 66 of 67 units.
        ("😀" * 66, UCS, 132, 2),
        ("😀" * 67, UCS, 134, 3),
    ],
)
def test_count(body: str, encoding: Encoding, units: int, segments: int) -> None:
    counted = measure(body)
    assert (counted.encoding, counted.units, counted.segments) == (encoding, units, segments)


def test_characters_that_flip_the_encoding_are_listed_once_with_what_may_replace_them() -> None:
    body = "It\u2019s \u201cdue\u201d \u2013 today\u2026 it\u2019s \u65e5"
    assert measure(body) == Measure(
        encoding=UCS,
        units=len(body),
        segments=1,
        flips=(
            Flip(character="\u2019", plain="'"),
            Flip(character="\u201c", plain='"'),
            Flip(character="\u201d", plain='"'),
            Flip(character="\u2013", plain="-"),
            Flip(character="\u2026", plain="..."),
            Flip(character="\u65e5", plain=None),
        ),
    )


def test_every_replacement_is_gsm7_itself() -> None:
    marks = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2010\u2013\u2014\u2026\u00a0\t`"
    plain = [flip.plain for flip in measure(marks).flips]
    assert len(plain) == len(marks)
    assert measure("".join(piece or "" for piece in plain)).encoding is GSM
