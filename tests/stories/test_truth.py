"""What stops a message at the moment of sending (R6)?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from dunning.states import Cause
from sandbox.inbox import Channel
from tests.stories.telling import Teller
from tests.stories.witnesses import Told, rows
from tests.stories.words import FINAL_TEXT, FIRST, RECEIPT, REMINDER, SILENT_MONTH, TEXT

_EMAILS = tuple(line for line in SILENT_MONTH if "text" not in line)


async def test_money_that_came_by_another_way_ends_the_case(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.post("paid")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 5: {RECEIPT}"),
        standing="recovered by paid_elsewhere",
    )


async def test_a_void_invoice_ends_the_case_without_a_word(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(5)
    await ada.post("void")
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}"), standing="cancelled"
    )


async def test_what_only_the_registry_knows_is_found_by_the_next_message(tell: Teller) -> None:
    """The merchant's own facts may reach the store by another road than the events."""
    paid, void = await tell.invoice(), await tell.invoice()
    for invoice in (paid, void):
        await invoice.fails()
    await tell.day(1)
    await tell.stage.stores.registry.mark_paid(paid.id, Cause.PAID_ELSEWHERE, tell.at(1))
    await tell.stage.stores.registry.mark_void(void.id, tell.at(1))
    await tell.day(3)
    assert [(await i.told()).standing for i in (paid, void)] == ["waiting", "waiting"]
    await tell.day(60)
    assert await paid.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {RECEIPT}"), standing="recovered by paid_elsewhere"
    )
    assert await void.told() == Told(inbox=(f"day 0: {FIRST}",), standing="cancelled")


async def test_nobody_is_texted_without_consent_or_a_number(tell: Teller) -> None:
    unasked = await tell.invoice(customer={"sms_consent_at": None})
    unknown = await tell.invoice(customer={"phone": None})
    for invoice in (unasked, unknown):
        await invoice.fails()
    await tell.day(60)
    assert await unasked.told() == Told(
        inbox=_EMAILS, held=("text: withheld, no_consent",), standing="written_off"
    )
    assert await unknown.told() == Told(
        inbox=_EMAILS, held=("text: withheld, no_address",), standing="written_off"
    )


async def test_a_customer_without_an_email_address_still_gets_the_text(tell: Teller) -> None:
    ada = await tell.invoice(customer={"email": None})
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 6: {TEXT}",),
        held=(
            "first: withheld, no_address",
            "second: withheld, no_address",
            "third: withheld, no_address",
            "fourth: withheld, no_address",
            "final: withheld, no_address",
        ),
        standing="written_off",
    )


async def test_an_excluded_customer_is_left_alone_in_all_cases_until_included_again(
    tell: Teller,
) -> None:
    one = await tell.invoice()
    two = await tell.invoice(customer={"id": f"cus-{one.number}", "email": one.email})
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(1)
    exclusion = f"/v1/customers/cus-{one.number}/exclusion"
    assert (await tell.stage.call("PUT", exclusion))[0] == 204
    await tell.day(5)
    held = ("second: withheld, customer_excluded",)
    for invoice in (one, two):
        assert (await invoice.told()).held == held
    assert (await tell.stage.call("DELETE", exclusion))[0] == 204
    await tell.day(10)
    third = await rows(tell.stage, "SELECT status FROM messages WHERE step = 'monthly.third'")
    assert [row["status"] for row in third] == ["sent", "sent"]


async def test_a_number_that_opted_out_is_never_texted_again(tell: Teller) -> None:
    one = await tell.invoice()
    tell.stage.sandbox.texts.opt_out(one.phone)
    two = await tell.invoice(billing_period="year", customer={"phone": one.phone})
    for invoice in (one, two):
        await invoice.fails()
    await tell.day(40)
    held = {*(await one.told()).held, *(await two.told()).held}
    # Both texts fall due in the same moment: whichever is asked first hears of it, the other may.
    refused = "text: refused, opted_out (vendor code 21610)"
    assert {refused} <= held <= {refused, "text: withheld, opted_out"}
    # What was to be a text later goes by email (R7).
    arrived = [*one.arrived(), *two.arrived()]
    assert {message.channel for message in arrived} == {Channel.EMAIL}
    tell.stage.sandbox.texts.opt_in(one.phone)


async def test_an_address_that_the_vendor_calls_bad_is_not_tried_again(tell: Teller) -> None:
    number, address = await tell.invoice(), await tell.invoice()
    tell.stage.sandbox.texts.refusals[number.phone] = 21211
    spoil = "UPDATE customers SET email = 'ada,@example.com' WHERE id = 'cus-{}' RETURNING id"
    assert await rows(tell.stage, spoil.format(address.number))
    for invoice in (number, address):
        await invoice.fails()
    await tell.day(60)
    assert await number.told() == Told(
        inbox=_EMAILS,
        held=("text: refused, bad_address (vendor code 21211)",),
        standing="written_off",
    )
    # All that is left goes by text (R7), of which there is one a week at most (R10).
    assert await address.told() == Told(
        inbox=(f"day 4: {TEXT}", f"day 15: {TEXT}", f"day 22: {FINAL_TEXT}"),
        held=(
            "first: refused, bad_address (vendor code 400)",
            "text: withheld, over_budget",
            "third: withheld, over_budget",
        ),
        standing="written_off",
    )


async def test_a_customer_of_whom_little_is_right_still_gets_what_is_possible(tell: Teller) -> None:
    """No zone, no language, a number that nobody has, and a currency without a sign.

    The number may be anywhere in North America, of which Adak comes first by name.
    """
    ada = await tell.invoice(
        customer={"timezone": None, "locale": None, "phone": "+15005550001", "country": None},
        currency="ZWG",
    )
    await ada.fails()
    await tell.day(60)
    told = await ada.told(lives=ZoneInfo("America/Adak"))
    assert [line.split(": ", 1)[1] for line in told.inbox] == [
        line.split(": ", 1)[1] for line in _EMAILS
    ]
    assert told.held == ("text: refused, bad_address (vendor code 21211)",)
    assert "ZWG" in next(iter(tell.stage.sandbox.messages)).text
