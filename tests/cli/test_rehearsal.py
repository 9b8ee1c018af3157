"""Does a person see what a policy would do, to one case and to all past ones?"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import yaml

from app import clock
from app.policy_file import default_policy_text
from dunning.advice import Advice
from dunning.states import Cause, Outcome, State
from dunning.view import CaseView
from store.cases import Cases
from store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Typed

POLICY = """
version: 1
brand: {name: Example, support_email: billing@example.com}
prices: {currency: EUR, sms: {DE: "0.085", default: "0.1"}}
campaigns:
  - name: vip
    when: {tags: [vip]}
    length: 27d
    steps: [{id: only, channel: email, after: 2h, template: reminder}]
  - name: monthly
    length: 27d
    steps:
      - {id: first, channel: email, after: 2h, template: card_declined}
      - {id: due, channel: email, after_due: 1d, template: reminder}
      - {id: text, channel: sms, fallback: [email], after: 3d, template: reminder}
      - {id: large, channel: email, after: 8d, template: reminder, only_if: {value_tier: [high]}}
      - {id: final, channel: email, before_close: 5d, template: final_notice}
    alerts: [{id: call, after: 4d}]
"""
CASE = ("--zone", "Europe/Berlin", "--start", "2026-12-01T10:00Z", "--currency", "EUR")


@pytest.fixture
def file(tmp_path: Path) -> str:
    written = tmp_path / "new.yaml"
    written.write_text(POLICY, encoding="utf-8")
    return str(written)


async def test_the_calendar_of_a_case_is_shown(bare: Typed, file: str) -> None:
    ended = await bare("policy", "simulate", file, *CASE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "opens     Tue 2026-12-01 11:00 Europe/Berlin (2026-12-01 10:00 UTC)\n"
        "amount    49.00 EUR\n"
        "campaign  monthly\n"
        "review    Wed 2026-12-23 11:00 Europe/Berlin (2026-12-23 10:00 UTC)\n"
        "close     Mon 2026-12-28 11:00 Europe/Berlin (2026-12-28 10:00 UTC)\n"
        "\n"
        "Passed over:\n"
        "  vip: no tag of the customer is one of vip\n"
        "\n"
        "STEP   LOCAL                 UTC                   CHANNEL  TEMPLATE       FALLBACK\n"
        "first  Tue 2026-12-01 13:00  2026-12-01 12:00 UTC  email    card_declined\n"
        "text   Fri 2026-12-04 11:00  2026-12-04 10:00 UTC  sms      reminder       email\n"
        "call   Sat 2026-12-05 11:00  2026-12-05 10:00 UTC  team\n"
        "final  Wed 2026-12-23 11:00  2026-12-23 10:00 UTC  email    final_notice\n"
        "\n"
        "Left out:\n"
        "  due: the invoice has no due date\n"
        "  large: value tier is not set, not high\n"
    )


async def test_the_calendar_is_there_for_programs_and_as_a_picture(
    bare: Typed, file: str, tmp_path: Path
) -> None:
    picture = tmp_path / "case.svg"
    ended = await bare("policy", "simulate", file, *CASE, "--json", "--svg", str(picture))
    document = json.loads(ended.out)
    assert document["campaign"] == "monthly"
    assert [step["due_at"] for step in document["steps"]] == [
        "2026-12-01T12:00:00Z",
        "2026-12-04T10:00:00Z",
        "2026-12-05T10:00:00Z",
        "2026-12-23T10:00:00Z",
    ]
    assert ended.err == f"The picture is in {picture}.\n"
    drawn = ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314  our own
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == 4
    words = [one.text for one in drawn.findall("{http://www.w3.org/2000/svg}text")]
    assert {"monthly", "sms", "team", "first", "Tue 13:00", "close Mon 11:00"} <= set(words)


async def test_the_policy_that_ships_is_simulated_without_a_file(bare: Typed) -> None:
    ended = await bare("policy", "simulate", *CASE, "--period", "month", "--json")
    first, *_ = yaml.safe_load(default_policy_text())["campaigns"]
    assert json.loads(ended.out)["steps"][0]["step"] == first["steps"][0]["id"]


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("blocked", "a person decides until Sun 2026-12-06 11:00"),
        ("monitor", "the case watches until Fri 2027-01-15 11:00"),
    ],
)
async def test_advice_that_writes_to_nobody_is_told(
    bare: Typed, file: str, advice: str, told: str
) -> None:
    ended = await bare("policy", "simulate", file, *CASE, "--advice", advice)
    assert f"campaign  none: nobody is written to, {told} Europe/Berlin" in ended.out
    assert "STEP" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--zone", "Mars/One"), "Mars/One is not a known time zone. Write one like Europe/"),
        (("--currency", "EURO"), "EURO is not a known currency. Write three letters"),
        (("--amount", "4.999"), "4.999 is not an amount in USD. Write one like 49.00."),
        (("--amount", "-1"), "-1 is not an amount in USD."),
        (("--amount", "1", "--currency", "JPY", "--amount", "1.5"), "1.5 is not an amount in JPY."),
        (("--country", "Germany"), "Germany is not a country. Write its two letters"),
        (("--phone", "12345"), "12345 is not a phone number."),
        (("--start", "2026-12-01"), "--start 2026-12-01 is not an instant with its zone."),
        (("nowhere.yaml",), "nowhere.yaml cannot be read: No such file or directory."),
        (("--svg", "no/where.svg"), "no/where.svg cannot be written: No such file or directory."),
    ],
)
async def test_what_cannot_be_meant_is_one_sentence(
    bare: Typed, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = await bare("policy", "simulate", *arguments)
    assert ended.code == 2
    assert ended.err.startswith(sentence)
    assert len(ended.err.splitlines()) == 1


async def test_a_policy_with_mistakes_is_told_each_of_them(bare: Typed, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(POLICY.replace('"0.085"', "cheap").replace("vip", "VIP", 1), encoding="utf-8")
    ended = await bare("policy", "simulate", str(file))
    assert (ended.code, ended.out) == (1, "")
    assert [line.partition(":")[0] for line in ended.err.splitlines()] == [
        "prices.sms.DE",
        "campaigns[0].name",
    ]


# --- past cases


async def past(
    dunning: Typed, database_url: str, invoice_id: str, days: int, **more: object
) -> None:
    """A case that was opened so many days ago at 09:00 UTC; `paid` days later it was paid."""
    paid = more.pop("paid", None)
    customer = {
        "id": f"customer-{invoice_id}",
        "name": "Ada Lovelace",
        "email": f"{invoice_id}@example.com",
        "phone": "+4915112345678",
        "timezone": "UTC",
        "sms_consent_at": "2026-01-05T10:00:00Z",
        **more,
    }
    document = {"amount_due": 4900, "currency": "EUR", "customer": customer}
    await dunning("invoice", "put", invoice_id, stdin=json.dumps(document).encode())
    opened_at = nine_o_clock(days)
    run = f"dunning:{invoice_id}:1"
    view = CaseView(
        workflow_id=run, version=1, state=State.WAITING, advice=Advice.REQUEST_CARD_UPDATE
    )
    database = Database.connect(database_url, pool_size=1)
    cases = Cases(database)
    await cases.open_many([invoice_id], opened_at)
    await cases.project(view)
    if isinstance(paid, int):
        closed = CaseView(
            workflow_id=run,
            version=2,
            state=State.CLOSED,
            advice=Advice.REQUEST_CARD_UPDATE,
            outcome=Outcome.RECOVERED,
            cause=Cause.CARD_UPDATE,
            closed_at=opened_at + timedelta(days=paid),
        )
        await cases.close(closed)
    await database.aclose()


def nine_o_clock(days_ago: int) -> datetime:
    today = clock.now().replace(hour=9, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


async def test_past_cases_are_rehearsed_and_compared(
    dunning: Typed, database_url: str, file: str, tmp_path: Path
) -> None:
    old = tmp_path / "old.yaml"
    text = POLICY.replace(
        "      - {id: text, channel: sms, fallback: [email], after: 3d, template: reminder}\n", ""
    ).replace("tags: [vip]", "tags: [nobody]")
    old.write_text(text, encoding="utf-8")
    await past(dunning, database_url, "paid-early", 40, paid=2)
    await past(dunning, database_url, "unpaid", 41)
    await past(dunning, database_url, "no-consent", 42, sms_consent_at=None)
    await past(dunning, database_url, "vip", 43, tags=["vip"])
    await past(dunning, database_url, "long-ago", 200)
    asked = ("policy", "rehearse", "--policy", file, "--against", str(old))
    ended = await dunning(*asked, "--json")
    assert ended.code == 0
    for name in ("Ada", "example.com", "4915112345678", "unpaid", "customer-"):
        assert name not in ended.out
    document = json.loads(ended.out)
    before, after = document["old"], document["new"]
    assert (document["cases"], document["customers"]) == (4, 4)
    assert document["other_campaign"] == [{"old": "monthly", "new": "vip", "cases": 1}]
    assert (before["messages"], before["by_channel"]) == (8, {"email": 8})
    assert before["texts"]["cost"] == "0"
    assert after["by_campaign"] == [
        {"campaign": "(receipt)", "channel": "email", "messages": 1},
        {"campaign": "monthly", "channel": "email", "messages": 6},
        {"campaign": "monthly", "channel": "sms", "messages": 1},
        {"campaign": "vip", "channel": "email", "messages": 1},
    ]
    assert after["texts"] == {
        "messages": 1,
        "segments": 1,
        "cost": "0.085",
        "currency": "EUR",
        "segments_without_price": 0,
    }
    assert after["per_case"] == {"mean": "2.25", "most": 3}

    plain = await dunning(*asked)
    assert plain.out.startswith("4 cases of 4 customers, opened since ")
    assert "\ncost of the texts         0 EUR  0.085 EUR  +0.085\n" in plain.out
    assert plain.out.endswith("\nAnother campaign:\n  monthly -> vip: 1\n")
    wider = await dunning(*asked, "--since", "300d", "--json")
    assert json.loads(wider.out)["cases"] == 5


async def test_without_another_policy_the_one_in_force_is_compared_with(
    dunning: Typed, database_url: str, file: str
) -> None:
    await past(dunning, database_url, "INV-1", 40)
    shipped = json.loads((await dunning("policy", "rehearse", "--policy", file, "--json")).out)
    assert shipped["other_campaign"] == [{"old": "one-off", "new": "monthly", "cases": 1}]
    assert (await dunning("policy", "publish", file)).err == ""
    published = json.loads((await dunning("policy", "rehearse", "--policy", file, "--json")).out)
    assert published["old"] == published["new"] == shipped["new"]
    named = await dunning("policy", "rehearse", "--policy", file, "--against", "1", "--json")
    assert json.loads(named.out)["old"] == shipped["new"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--policy", "nowhere.yaml"), "nowhere.yaml cannot be read"),
        (("--policy", "FILE", "--against", "gone.yaml"), "gone.yaml cannot be read"),
        (("--policy", "FILE", "--against", "7"), "There is no policy 7."),
        (("--policy", "FILE", "--since", "soon"), "--since: `soon` is not a duration."),
        (("--policy", "FILE", "--since", "0d"), "--since: nothing is shorter than 0d."),
    ],
)
async def test_a_rehearsal_that_cannot_be_meant_is_one_sentence(
    dunning: Typed, file: str, arguments: tuple[str, ...], sentence: str
) -> None:
    given = (file if argument == "FILE" else argument for argument in arguments)
    ended = await dunning("policy", "rehearse", *given)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(sentence)


async def test_no_past_case_is_told(dunning: Typed, file: str) -> None:
    ended = await dunning("policy", "rehearse", "--policy", file)
    assert ended.code == 0
    assert "No case was opened since" in ended.err


async def test_without_a_database_there_are_no_past_cases(bare: Typed, file: str) -> None:
    ended = await bare("policy", "rehearse", "--policy", file)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("DUNNING_DATABASE_URL is not set")
