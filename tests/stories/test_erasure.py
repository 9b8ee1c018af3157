"""What becomes of a case when its customer is erased in the middle of a campaign?"""

from __future__ import annotations

from app.demo.stage import Stage
from store.audit import Audit
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import Told, dispatched, rows
from tests.stories.words import FIRST, REMINDER


async def erase(invoice: Invoice) -> None:
    """Ask for it as the merchant's systems do."""
    path = f"/v1/customers/cus-{invoice.number}/personal-data"
    status, answer = await invoice.stage.call("DELETE", path)
    assert status == 200, answer
    await invoice.stage.settle()


async def traces(stage: Stage) -> list[str]:
    """Where registry, texts and bodies still tell of the only customer there is."""
    found = await rows(
        stage,
        """
        SELECT 'customer' AS place FROM customers
        WHERE COALESCE(name, email, phone, locale, timezone) IS NOT NULL
        UNION ALL SELECT 'letter' FROM letters WHERE body IS NOT NULL
        UNION ALL SELECT 'event' FROM events
        WHERE convert_from(body, 'UTF8') LIKE '%@example.com%'
        """,
    )
    return sorted(row["place"] for row in found)


async def test_nothing_is_sent_any_more_and_a_payment_is_still_recorded(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails(customerEmail=ada.email)
    await tell.day(5)
    before = (f"day 0: {FIRST}", f"day 4: {REMINDER}")
    assert (await ada.told()).inbox == before
    assert await traces(tell.stage) == ["customer", "event", "letter", "letter"]
    await erase(ada)
    await tell.day(30)
    assert await ada.told() == Told(inbox=before, standing="stopped")
    await ada.pays()
    assert await ada.told() == Told(inbox=before, standing="stopped, paid after that")
    (paid,) = await rows(tell.stage, "SELECT status, paid_cause FROM invoices")
    assert paid == {"status": "paid", "paid_cause": "revtain_retry"}
    assert await traces(tell.stage) == []


async def test_the_chain_of_what_happened_still_verifies(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.order("pause", note="She is in hospital.")
    await erase(ada)
    await ada.pays()
    checked = [case async for case in Audit(tell.stage.stores.database).verify()]
    assert [(case.entries > 10, case.fault) for case in checked] == [(True, None)]


async def test_the_letters_of_a_customer_can_be_read_until_then(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(7)
    path = f"/v1/customers/cus-{ada.number}/personal-data"
    _, held = await tell.stage.call("GET", path)
    (case,) = held["cases"]
    letters = [m["letter"] for m in case["messages"] if m["letter"] is not None]
    arrived = ada.arrived()
    assert [letter["recipient"] for letter in letters] == [m.to for m in arrived]
    assert [letter["body"].split() for letter in letters] == [m.text.split() for m in arrived]
    await erase(ada)
    _, held = await tell.stage.call("GET", path)
    letters = [m["letter"] for m in held["cases"][0]["messages"] if m["letter"] is not None]
    assert [(letter["recipient"], letter["body"]) for letter in letters] == [(None, None)] * 3


async def test_a_failure_after_the_erasure_is_left_to_a_person(tell: Teller) -> None:
    ada = await tell.invoice()
    await erase(ada)
    await ada.fails()
    await tell.day(20)
    assert (await ada.told()).inbox == ()
    (case,) = await rows(tell.stage, "SELECT state, outcome FROM cases")
    assert case["outcome"] in (None, "written_off")


async def test_an_erasure_needs_no_temporal(idle: Stage) -> None:
    """The order to stop waits in the inbox, and in the case's queue, until somebody works."""
    tell = Teller.of(idle)
    ada = await tell.invoice()
    await idle.sandbox.revtain.fire(
        {"event": "recovery.failed", "revtainTransactionId": ada.transaction}
    )
    await dispatched(idle)
    path = f"/v1/customers/cus-{ada.number}/personal-data"
    status, answer = await idle.call("DELETE", path)
    assert (status, answer["stopping"]) == (200, 1)
    await dispatched(idle)
    async with idle.working():
        await idle.settle()
        assert await ada.told() == Told(inbox=(), standing="stopped")
