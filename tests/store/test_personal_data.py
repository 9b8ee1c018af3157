"""Is everything that is known of a person found, shown to them, and forgotten without a trace?"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Boolean, DateTime, Double, Integer, text

from dunning.channel import Channel
from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.states import Cause
from dunning.suppression import Reason
from store.disclosure import Disclosure
from store.erasure import Erased, Erasure, ErasureRefusedError
from store.inbox import NewEvent
from store.personal_data import Kind, columns
from store.reservations import Draft, Suppressed
from store.tables import METADATA
from tests.store.conftest import TOKEN_KEY
from tests.store.persons import ADA, GRACE, Ground

if TYPE_CHECKING:
    from datetime import datetime

    from store.cases import Cases
    from store.database import Database
    from store.inbox import Inbox
    from store.ledger import Ledger
    from store.registry import Registry
    from store.suppressions import Suppressions
    from tests.store.conftest import Register

DOCS = Path(__file__).resolve().parents[2] / "docs" / "privacy.md"
# These say nothing by themselves, but of some it is known that they do.
SAYS_NOTHING = (Boolean, DateTime, Double, Integer)
LEASE = timedelta(minutes=1)


@pytest.fixture
def erasure(database: Database) -> Erasure:
    return Erasure(database, TOKEN_KEY)


@pytest.fixture
def disclosure(database: Database) -> Disclosure:
    return Disclosure(database, TOKEN_KEY)


@pytest.fixture
def ground(
    database: Database,
    register: Register,
    cases: Cases,
    ledger: Ledger,
    inbox: Inbox,
    suppressions: Suppressions,
    now: datetime,
) -> Ground:
    return Ground(
        database=database,
        register=register,
        cases=cases,
        ledger=ledger,
        inbox=inbox,
        suppressions=suppressions,
        now=now,
    )


async def erased(erasure: Erasure, customer_id: str) -> Erased:
    done = await erasure.erase(customer_id, author="operator")
    assert done is not None
    return done


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda t: t.name)
def test_every_column_that_can_hold_a_text_is_classified_once(table: Any) -> None:
    says = {c.name for c in table.columns if not isinstance(c.type, SAYS_NOTHING)}
    kinds = [columns(kind).get(table.name, frozenset()) for kind in Kind]
    classified = [name for names in kinds for name in names]
    assert len(classified) == len(set(classified))
    assert says <= set(classified) <= set(table.columns.keys())


def test_no_table_is_classified_that_does_not_exist() -> None:
    assert {table for kind in Kind for table in columns(kind)} <= set(METADATA.tables)


def test_the_documentation_names_every_column_that_is_erased() -> None:
    told = DOCS.read_text()
    personal = columns(Kind.PERSONAL)
    missing = [f"{t}.{c}" for t, names in personal.items() for c in names if f"`{c}`" not in told]
    missing += [table for table in personal if f"`{table}`" not in told]
    assert missing == []


async def test_an_erasure_leaves_no_trace_and_touches_nobody_else(
    ground: Ground, erasure: Erasure
) -> None:
    await ground.live(ADA)
    await ground.live(GRACE)
    personal = columns(Kind.PERSONAL)
    marked = {f"{t}.{c}" for t, names in personal.items() for c in names} - {
        "customers.sms_consent_at"
    }
    assert set(await ground.marked(GRACE)) == set(await ground.marked(ADA)) == marked
    before = await ground.marked(ADA)

    done = await erased(erasure, GRACE.id)

    assert await ground.marked(GRACE) == {}
    assert await ground.marked(ADA) == before
    assert done.removed == {
        "customers": 1,
        "push_tokens": 1,
        "invoices": 1,
        "recoveries": 1,
        "events": 7,
        "letters": 1,
        "replies": 1,
        "consents": 2,
        "notes": 1,
    }
    assert done.stopping == 1


async def test_of_the_other_customers_not_one_row_changes(ground: Ground, erasure: Erasure) -> None:
    await ground.live(ADA)
    before = await ground.everything()
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    after = await ground.everything()
    assert {table: set(rows) - set(after[table]) for table, rows in before.items()} == {
        table: set() for table in before
    }


async def test_a_second_erasure_finds_nothing_and_says_when_the_first_was(
    ground: Ground, erasure: Erasure
) -> None:
    await ground.live(GRACE)
    first = await erased(erasure, GRACE.id)
    await ground.do("UPDATE cases SET state = 'closed', outcome = 'stopped', closed_at = now()")
    everything = await ground.everything()
    second = await erased(erasure, GRACE.id)
    assert (second.erased_at, set(second.removed.values()), second.stopping) == (
        first.erased_at,
        {0},
        0,
    )
    assert await ground.everything() == everything


async def test_a_second_erasure_removes_what_was_written_since(
    ground: Ground, erasure: Erasure, cases: Cases
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    await cases.add_note(GRACE.invoice, author="operator", note=f"{GRACE.mark} called")
    assert (await erased(erasure, GRACE.id)).removed["notes"] == 1
    assert await ground.marked(GRACE) == {}


async def test_an_unknown_customer_is_not_erased(erasure: Erasure) -> None:
    assert await erasure.erase("nobody", author="operator") is None


async def test_a_closed_address_stays_closed_for_everybody(
    ground: Ground, erasure: Erasure, suppressions: Suppressions
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    held = await suppressions.of(Channel.EMAIL, GRACE.email)
    assert held is not None
    assert held.reason is Reason.OPTED_OUT


async def test_opt_outs_and_consents_stay_without_their_words(
    ground: Ground, erasure: Erasure, database: Database
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    async with database.single() as connection:
        rows = await connection.execute(text("SELECT kind, proof FROM consents ORDER BY id"))
        assert [tuple(row) for row in rows] == [
            ("given", None),
            ("given", None),
            ("withdrawn", None),
        ]


async def test_whoever_wrote_to_them_already_cannot_reserve_any_more(
    ground: Ground, erasure: Erasure, ledger: Ledger, now: datetime
) -> None:
    """The nudge has read the address, the customer is erased, then it asks the ledger."""
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    draft = Draft(
        step="d9",
        channel=Channel.SMS,
        template="reminder",
        due_at=now,
        now=now,
        address=GRACE.phone,
        text=GRACE.mark,
    )
    assert await ledger.reserve(f"dunning:{GRACE.invoice}:1", draft) == Suppressed()
    assert await ground.marked(GRACE) == {}


async def test_a_payment_that_waits_is_still_understood(
    ground: Ground, erasure: Erasure, inbox: Inbox
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    (success,) = await inbox.find_events(name="recovery.success")
    event = await inbox.get_event(success.id)
    assert event is not None
    assert json.loads(event.body or b"") == {
        "event": "recovery.success",
        "revtainTransactionId": f"tx-other-{GRACE.id}",
        "amount": "49.00",
        "customer": {"name": "erased", "mail": ["erased"]},
    }


async def test_nothing_is_erased_while_an_event_is_being_handled(
    ground: Ground, erasure: Erasure, inbox: Inbox
) -> None:
    await ground.live(GRACE)
    body = json.dumps({"email": GRACE.email}).encode()
    await inbox.put_many([NewEvent(source="sendgrid", name="report", body=body)])
    before = await ground.marked(GRACE)
    with pytest.raises(ErasureRefusedError, match="are being handled at this moment"):
        await erasure.erase(GRACE.id, author="operator")
    events = [e for e in await inbox.claim(9, LEASE) if e.source == "sendgrid"]
    with pytest.raises(ErasureRefusedError):
        await erasure.erase(GRACE.id, author="operator")
    assert await ground.marked(GRACE) == before
    await inbox.finish_many([(event.id, None, None) for event in events])
    await erased(erasure, GRACE.id)
    assert await ground.marked(GRACE) == {}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"customer": {"id": GRACE.id, "email": "new@example.com"}}, "customer.email"),
        ({"customer": {"name": "Grace"}}, "customer.name"),
        ({"customer": {"push_tokens": ["device"]}}, "customer.push_tokens"),
        ({"customer": {"sms_consent_proof": "form"}}, "customer.sms_consent_proof"),
        ({"description": "Boat"}, "description"),
        ({"payment_method_token": "pm-2"}, "payment_method_token"),
    ],
)
async def test_no_personal_data_comes_back(
    ground: Ground, erasure: Erasure, register: Register, fields: dict[str, Any], named: str
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    with pytest.raises(RegistryError) as refusal:
        await register(GRACE.invoice, **{"customer": {}, **fields})
    assert refusal.value.field == named
    assert str(refusal.value) == (
        f"Customer {GRACE.id} was erased: {named} is personal data and cannot be registered for "
        "them again. Leave it out, or register the customer under a new id."
    )


async def test_the_books_go_on_without_the_person(
    ground: Ground, erasure: Erasure, register: Register, registry: Registry, now: datetime
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    again: dict[str, Any] = {"id": GRACE.id, "name": None, "tags": [], "push_tokens": []}
    changed = await register(GRACE.invoice, amount_due=5000, plan="pro", customer=again)
    new = await register("INV-new", customer={"id": GRACE.id})
    await registry.mark_paid(GRACE.invoice, Cause.PAID_ELSEWHERE, now)
    paid = await registry.get_invoice(GRACE.invoice)
    assert (changed.invoice.amount.minor, new.created) == (5000, True)
    assert paid is not None
    assert paid.status is InvoiceStatus.PAID


async def test_the_same_person_may_come_back_under_a_new_id(
    ground: Ground, erasure: Erasure, register: Register
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    put = await register(GRACE.invoice, customer={"id": "cus_9", "email": GRACE.email})
    assert (put.invoice.contact.customer_id, put.invoice.contact.email) == ("cus_9", GRACE.email)


async def test_a_person_gets_all_that_is_held_about_them(
    ground: Ground, disclosure: Disclosure
) -> None:
    message_id = await ground.live(GRACE)
    await ground.live(ADA)
    found = await disclosure.of(GRACE.id)
    assert found is not None
    (case,) = found["cases"]
    (message,) = case["messages"]
    assert (found["customer"]["email"], found["push_tokens"][0]["token"]) == (
        GRACE.email,
        f"device-{GRACE.phone}",
    )
    assert found["invoices"][0]["transactions"][0]["transaction_id"] == f"tx-{GRACE.id}"
    assert (message["id"], message["letter"]["body"]) == (
        message_id,
        f"Hello {GRACE.mark}, call {GRACE.phone}",
    )
    assert [note["text"] for note in case["notes"]] == [f"{GRACE.mark} is in hospital"]
    counted = {name: len(found[name]) for name in ("consents", "suppressions", "replies", "events")}
    assert counted == {"consents": 3, "suppressions": 1, "replies": 1, "events": 7}
    told = json.dumps(found, default=str, ensure_ascii=False)
    assert (GRACE.mark in told, ADA.mark in told, ADA.phone in told) == (True, False, False)


async def test_of_an_erased_person_only_books_and_opt_outs_are_held(
    ground: Ground, disclosure: Disclosure, erasure: Erasure
) -> None:
    await ground.live(GRACE)
    await erased(erasure, GRACE.id)
    found = await disclosure.of(GRACE.id)
    assert found is not None
    assert GRACE.mark not in json.dumps(found, default=str, ensure_ascii=False)
    assert (len(found["cases"]), found["invoices"][0]["amount_due"]) == (1, 4900)
    assert await disclosure.of("nobody") is None


async def test_nothing_is_erased_while_a_stop_waits_after_a_fault(
    ground: Ground, erasure: Erasure, inbox: Inbox
) -> None:
    await ground.live(GRACE)
    body = json.dumps({"email": GRACE.email}).encode()
    await inbox.put_many([NewEvent(source="sendgrid", name="spamreport", body=body)])
    ids = [e.id for e in await inbox.claim(9, LEASE) if e.source == "sendgrid"]
    await inbox.retry_later(ids, "RuntimeError", LEASE)
    before = await ground.marked(GRACE)
    with pytest.raises(ErasureRefusedError, match="Try again in a minute"):
        await erasure.erase(GRACE.id, author="operator")
    assert await ground.marked(GRACE) == before
    await inbox.finish_many([(one, None, None) for one in ids])
    await erased(erasure, GRACE.id)
    assert await ground.marked(GRACE) == {}
