"""Is success final, whenever and however it comes (R1)?"""

from __future__ import annotations

from tests.stories.telling import FIRST, RECEIPT, REMINDER, SILENT_MONTH, TEXT, Teller, Told


async def test_a_customer_who_pays_on_day_7_hears_no_more_than_a_thank_you(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(7)
    await ada.pays()
    await tell.day(60)
    assert await ada.told() == Told(
        inbox=(f"day 0: {FIRST}", f"day 4: {REMINDER}", f"day 6: {TEXT}", f"day 7: {RECEIPT}"),
        standing="recovered by revtain_retry",
    )


async def test_a_customer_who_never_pays_is_written_to_for_a_month(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(60)
    assert await ada.told() == Told(inbox=SILENT_MONTH, standing="written_off")
