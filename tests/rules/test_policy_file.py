"""Is YAML text read strictly, with plain words for its mistakes?"""

from __future__ import annotations

import re
from datetime import time

import pytest

from app.policy_file import default_policy_text, read_policy
from dunning.errors import PolicyError
from dunning.policy import parse_policy

TEXT = """\
version: 1
brand: {name: no, support_email: billing@example.com}
windows: {email: {opens: 08:00, closes: 20:00}}
campaigns:
  - name: monthly
    when: {locale: [no], plan: [2026-01-01, 'null'], billing_period: [null, ~]}
    length: 27d
    steps: [{id: first, channel: email, after: 2h, template: reminder}]
"""


def test_plain_values_mean_what_they_look_like() -> None:
    read, digest = read_policy(TEXT)
    assert read.brand.name == "no"
    assert (read.windows.email.opens, read.windows.email.closes) == (time(8), time(20))
    assert read.campaigns[0].when.locale == ("no",)
    assert read.campaigns[0].when.plan == ("2026-01-01", "null")
    assert read.campaigns[0].when.billing_period == (None, None)
    assert digest == read.digest
    assert re.fullmatch(r"[0-9a-f]{64}", digest)


def test_a_comment_does_not_make_a_new_version() -> None:
    assert read_policy(f"# ours\n{TEXT}") == read_policy(TEXT)


def test_the_default_policy_is_stored_and_read_back_as_the_same_version() -> None:
    read, digest = read_policy(default_policy_text())
    again = parse_policy(read.model_dump(mode="json"))
    assert (again, again.digest) == (read, digest)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n",
         "line 2, column 11: `c` is written twice. Keep one of them."),
        ("a: [\n",
         ("line 2, column 1: not valid YAML: expected the node content, but found "
         "'<stream end>'. Correct the line.")),
        ("a: !!python/object/apply:os.system [x]",
         ("line 1, column 4: not valid YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/object/apply:os.system'. Correct the line.")),
        ("? [a]\n: 1", "line 1, column 3: not valid YAML: found unhashable key. Correct the line."),
        ("", "policy: expected a block of `field: value` lines, found nothing."),
        ("&a [*a]", "policy: expected a block of `field: value` lines, found a list."),
    ],
)  # fmt: skip
def test_a_mistake_in_the_text_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(text)
    assert caught.value.problems == (told,)


def test_text_that_no_yaml_reader_accepts_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"^policy: not valid YAML"):
        read_policy("\x00")
