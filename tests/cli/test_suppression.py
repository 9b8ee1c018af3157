"""Can a person close and open addresses from a terminal, import them, and answer replies?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.settings import load
from app.wiring import stores
from dunning.replies import Reading
from dunning.suppression import Reason
from store.replies import NewReply
from tests.cli.conftest import KEY

if TYPE_CHECKING:
    from tests.cli.conftest import Typed

ADA = b"""{"amount_due": 4900, "currency": "USD",
    "customer": {"id": "c1", "phone": "+12125550123", "email": "ada@example.com"}}"""


async def listed(dunning: Typed, *options: str) -> list[dict[str, Any]]:
    ended = await dunning("suppression", "list", "--json", *options)
    assert ended.code == 0
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


async def test_an_address_is_closed_and_opened(dunning: Typed) -> None:
    await dunning("invoice", "put", "INV-1", stdin=ADA)
    added = await dunning("suppression", "add", "sms", "+12125550123", "--note", "a call")
    again = await dunning("suppression", "add", "sms", "+12125550123")
    (held,) = await listed(dunning, "--channel", "sms", "--address", "+12125550123")
    lifted = await dunning("suppression", "lift", "sms", "+12125550123")
    gone = await dunning("suppression", "lift", "sms", "+12125550123", "--json")
    assert [added.out, again.out, lifted.out] == ["closed\n", "closed before\n", "lifted\n"]
    assert (held["reason"], held["scope"], held["source"]) == (
        "opted_out",
        "everything",
        "operator",
    )
    assert json.loads(gone.out) == {"channel": "sms", "changed": False}
    assert await listed(dunning) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "sms", "12125550123"), "The address must be an E.164 number"),
        (("add", "email", "nobody"), "The address must be an email address"),
        (("add", "email", "a\x00@example.com"), "without control characters"),
        (("add", "sms", "+12125550123", "--expires", "soon"), "--expires must be an RFC 3339"),
        (("add", "sms", "+12125550123", "--expires", "2020-01-01T00:00:00Z"), "has passed"),
        (("list", "--address", "+12125550123"), "--address needs --channel"),
        (("import", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("import", "-", "--column", "address"), "Write OURS=THEIRS"),
    ],
)
async def test_bad_usage_is_one_sentence(
    dunning: Typed, arguments: tuple[str, ...], told: str
) -> None:
    ended = await dunning("suppression", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


async def test_a_file_is_imported_and_may_be_again(dunning: Typed, tmp_path: Path) -> None:
    file = tmp_path / "closed.csv"
    file.write_text(
        "channel,address,reason,scope\n"
        "sms,+12125550123,opted_out,\n"
        "email,ADA@example.com,complained,reminders\n"
        "sms,555,opted_out,\n"
        "fax,+12125550123,,\n"
        "email,b@example.com,bored,\n"
        "email,,,\n"
        "email,c@example.com\n"
    )
    first = await dunning("suppression", "import", str(file))
    second = await dunning("suppression", "import", str(file), "--json")
    assert (first.code, first.out) == (1, "2 closed, 5 bad\n")
    assert [line for line in first.err.splitlines() if line.startswith("line ")] == [
        'line 4, address: must be an E.164 number, such as "+12125550123"',
        "line 5, channel: must be one of: email, sms, push",
        f"line 6, reason: must be one of: {', '.join(Reason)}",
        "line 7, address: is missing",
        "line 8: has 2 cells, but there are 4 columns",
    ]
    tally = json.loads(second.out)
    assert (tally["closed"], tally["unchanged"], len(tally["problems"])) == (0, 2, 5)
    found = [(one["channel"], one["reason"], one["scope"]) for one in await listed(dunning)]
    assert sorted(found) == [
        ("email", "complained", "reminders"),
        ("sms", "opted_out", "everything"),
    ]


async def test_exports_of_other_systems_are_mapped(dunning: Typed) -> None:
    sendgrid = b"email,created\nada@example.com,1700000000\n"
    ended = await dunning(
        *("suppression", "import", "-", "--channel", "email", "--column", "address=Email"),
        stdin=sendgrid,
    )
    twilio = b"Sid;Phone Number\nSM1;+12125550123\n"
    more = await dunning(
        *("suppression", "import", "-", "--channel", "sms", "--column", "address=phone number"),
        stdin=twilio,
    )
    assert [(e.code, e.out) for e in (ended, more)] == [(0, "1 closed\n")] * 2
    assert {(one["channel"], one["source"]) for one in await listed(dunning)} == {
        ("email", "import"),
        ("sms", "import"),
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"channel,number\nsms,+1\n", "--column address=NAME"),
        (b"address\n+1\n", "or give it for all rows with `--channel`"),
        (b"\xff\xfea\x00", "The file is in UTF-16."),
    ],
)
async def test_a_file_that_cannot_be_meant_is_refused(
    dunning: Typed, content: bytes, told: str
) -> None:
    ended = await dunning("suppression", "import", "-", stdin=content)
    assert (ended.code, ended.out) == (1, "")
    assert told in ended.err


async def test_an_imported_stop_is_not_simply_lifted(dunning: Typed) -> None:
    await dunning("suppression", "import", "-", stdin=b"channel,address\nsms,+12125550123\n")
    ended = await dunning("suppression", "lift", "sms", "+12125550123")
    assert (ended.code, ended.out) == (1, "")
    assert "sms_consent_at" in ended.err
    assert len(await listed(dunning)) == 1


async def test_replies_are_listed_until_somebody_deals_with_them(
    dunning: Typed, database_url: str
) -> None:
    found = stores(load({"DUNNING_DATABASE_URL": database_url, "DUNNING_SECRET_KEY": KEY}))
    reply = NewReply(
        source="s", vendor_id="SM1", address="+1212", body="when?\x1b[2J", reading=Reading()
    )
    await found.replies.take(reply)
    await found.database.aclose()
    before = await dunning("reply", "list")
    done = await dunning("reply", "done", "1", "--by", "grace")
    after = await dunning("reply", "list", "--json")
    every = json.loads((await dunning("reply", "list", "--all", "--json")).out)
    nobody = await dunning("reply", "done", "7")
    assert "when?\\x1b[2J" in before.out
    assert (done.code, done.out) == (0, "1: done\n")
    assert (json.loads(after.out), [r["handled_by"] for r in every]) == ([], ["grace"])
    assert (nobody.code, "There is no reply 7." in nobody.err) == (1, True)
