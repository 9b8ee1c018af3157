"""Which invoices are played, and what happens to each of them, when?"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.demo.places import asleep_at, next_holiday
from app.demo.script import (
    Story,
    answer_lost,
    bounces,
    called,
    card_fails,
    customer,
    failed,
    forged,
    gave_card,
    invoice,
    ordered,
    promised,
    registered_late,
    replied,
    scrambled,
    succeeded,
)

# Whose story is told line by line at the end.
TOLD_WHOLE = "INV-1019"
_CARD = "request_card_update"
_NEW_YORK = "America/New_York"
_FIVE_MINUTES = timedelta(minutes=5)
_DAY = timedelta(days=1)
# The monthly campaign's text, after a case began to write.
_TEXT_AFTER = timedelta(days=6)


def stories(start: datetime) -> tuple[Story, ...]:
    """All stories of a demo that begins at `start` (UTC), by the numbers of their invoices."""
    told = (
        *_paid(),
        *_elsewhere(),
        *_without_a_message(),
        *_decided(),
        *_out_of_order(),
        *_together(),
        *_answered(),
        *_on_the_page(),
        _text_at_night(start),
        _text_on_a_holiday(start),
    )
    return tuple(sorted(told, key=lambda story: story.invoice_id))


def _paid() -> tuple[Story, ...]:
    return (
        Story(
            invoice_id="INV-1001",
            title="pays after the second email",
            invoice=invoice(1001, customer("Ada", _NEW_YORK, "+12125550123")),
            moments=(
                failed(1001, _CARD, "do_not_honor"),
                forged(1001),
                succeeded(1001, days=5),
            ),
        ),
        Story(
            invoice_id="INV-1002",
            title="pays before the first message",
            invoice=invoice(1002, customer("Ben", "Europe/London")),
            moments=(failed(1002, _CARD, "card_declined"), succeeded(1002, hours=1)),
        ),
        Story(
            invoice_id="INV-1003",
            title="gives a new card on Revtain's page, charged at once",
            invoice=invoice(1003, customer("Chloe", "Europe/Paris")),
            moments=(
                failed(1003, _CARD, "expired_card"),
                gave_card("INV-1003", "pm_new_1003", days=3),
            ),
        ),
        Story(
            invoice_id="INV-1008",
            title="the bank wants confirmation",
            invoice=invoice(1008, customer("Hana", "Europe/Prague")),
            moments=(
                failed(1008, None, "authentication_required", event="recovery.blocked"),
                succeeded(1008, days=2),
            ),
        ),
    )


def _elsewhere() -> tuple[Story, ...]:
    """Other languages and currencies."""
    daichi = customer("Daichi", "Asia/Tokyo", "+819012345678", locale="ja")
    lukas = customer("Lukas", "Europe/Berlin", locale="de")
    return (
        Story(
            invoice_id="INV-1004",
            title="Japanese, yen; pays elsewhere",
            invoice=invoice(1004, daichi, amount_due=2500, currency="JPY"),
            moments=(
                failed(1004, _CARD, "insufficient_funds"),
                called("/v1/invoices/INV-1004/paid", days=10),
            ),
        ),
        Story(
            invoice_id="INV-1015",
            title="German, euros; pays after the reminder",
            invoice=invoice(1015, lukas, amount_due=3900, currency="EUR"),
            moments=(
                failed(1015, _CARD, "expired_card"),
                succeeded(1015, 3900, "EUR", days=5),
            ),
        ),
    )


def _without_a_message() -> tuple[Story, ...]:
    return (
        Story(
            invoice_id="INV-1005",
            title="retry later; Revtain's retry recovers it",
            invoice=invoice(1005, customer("Elif", "Europe/Istanbul")),
            moments=(failed(1005, "retry_later", "try_again_later"), succeeded(1005, days=12)),
        ),
        Story(
            invoice_id="INV-1006",
            title="retry later; nothing comes, a person decides",
            invoice=invoice(1006, customer("Femi", "Africa/Lagos")),
            moments=(
                failed(1006, "retry_later", "do_not_honor"),
                ordered("INV-1006", "decide", 46, decision="hand_over", note="to collections"),
            ),
        ),
        Story(
            invoice_id="INV-1007",
            title="blocked as fraudulent; nobody decides",
            invoice=invoice(1007, customer("Gil", "America/Chicago")),
            moments=(failed(1007, "manual_review", "fraudulent", event="recovery.blocked"),),
        ),
    )


def _decided() -> tuple[Story, ...]:
    """An operator has a hand in them."""
    return (
        Story(
            invoice_id="INV-1009",
            title="manual review; the operator lets it go on",
            invoice=invoice(1009, customer("Ines", "America/Sao_Paulo")),
            moments=(
                failed(1009, "manual_review", "call_issuer"),
                ordered("INV-1009", "decide", 1, decision="resume", note="known customer"),
                succeeded(1009, days=8),
            ),
        ),
        Story(
            invoice_id="INV-1013",
            title="paused for a fortnight, then resumed",
            invoice=invoice(1013, customer("Milo", "America/Denver")),
            moments=(
                failed(1013, _CARD, "card_declined"),
                ordered("INV-1013", "pause", 1, note="asked for time"),
                ordered("INV-1013", "resume", 16),
                succeeded(1013, days=18),
            ),
        ),
        Story(
            invoice_id="INV-1014",
            title="another amount arrives; the operator settles it",
            invoice=invoice(1014, customer("Nora", "Europe/Oslo")),
            moments=(
                failed(1014, _CARD, "card_declined"),
                succeeded(1014, amount=4500, days=2),
                ordered("INV-1014", "decide", 3, decision="mark_paid", note="discount"),
            ),
        ),
    )


def _out_of_order() -> tuple[Story, ...]:
    kofi = invoice(1011, customer("Kofi", "Africa/Accra", "+233241234567"))
    return (
        Story(
            invoice_id="INV-1010",
            title="success before failure, everything three times",
            invoice=invoice(1010, customer("Jun", "Asia/Seoul")),
            moments=(scrambled(1010),),
        ),
        Story(
            invoice_id="INV-1011",
            title="event before the invoice; silence to the end",
            invoice=kofi,
            moments=(
                failed(1011, _CARD, "card_declined"),
                registered_late("INV-1011", kofi),
            ),
            late=True,
        ),
    )


def _together() -> tuple[Story, ...]:
    """Two invoices of one customer, who hears of both at once."""
    omar = customer("Omar", _NEW_YORK)
    return (
        Story(
            invoice_id="INV-1016",
            title="two invoices, one email; this one is paid",
            invoice=invoice(1016, omar),
            moments=(failed(1016, _CARD, "card_declined"), succeeded(1016, days=2)),
        ),
        Story(
            invoice_id="INV-1017",
            title="the same customer's other one; reminded of alone, then paid",
            invoice=invoice(1017, omar, amount_due=9000, description="Storage"),
            moments=(failed(1017, _CARD, "card_declined"), succeeded(1017, 9000, days=6)),
        ),
    )


def _answered() -> tuple[Story, ...]:
    """What vendors and customers say of messages decides what comes next."""
    quinn = customer("Quinn", _NEW_YORK, "+12125550119")
    rosa = customer("Rosa", "Europe/Madrid", "+34655500123")
    return (
        Story(
            invoice_id=TOLD_WHOLE,
            title="the address bounces; what is left goes by text",
            invoice=invoice(1019, quinn),
            moments=(
                bounces("quinn@example.com"),
                failed(1019, _CARD, "expired_card"),
                succeeded(1019, days=12),
            ),
        ),
        Story(
            invoice_id="INV-1020",
            title="“no more texts please”, in her own words",
            invoice=invoice(1020, rosa),
            moments=(
                failed(1020, _CARD, "card_declined"),
                replied("+34655500123", "Hi, no more texts please. I have it in my mail", days=8),
                succeeded(1020, days=16),
            ),
        ),
        Story(
            invoice_id="INV-1021",
            title="nobody can tell whether the first email left",
            invoice=invoice(1021, customer("Sven", "Europe/Stockholm")),
            moments=(
                answer_lost("sven@example.com"),
                failed(1021, _CARD, "card_declined"),
                succeeded(1021, days=6),
            ),
        ),
    )


def _on_the_page() -> tuple[Story, ...]:
    """Customers who did not pay at once."""
    return (
        Story(
            invoice_id="INV-1022",
            title="the new card fails as well; the next one pays",
            invoice=invoice(1022, customer("Tove", "Europe/Copenhagen")),
            moments=(
                card_fails("pm_empty_1022", "insufficient_funds"),
                failed(1022, _CARD, "expired_card"),
                called(
                    "/v1/invoices/INV-1022/card", {"payment_method_token": "pm_empty_1022"}, days=2
                ),
                called(
                    "/v1/invoices/INV-1022/card", {"payment_method_token": "pm_full_1022"}, days=7
                ),
            ),
        ),
        Story(
            invoice_id="INV-1023",
            title="promises to pay in a week, and does",
            invoice=invoice(1023, customer("Uma", "Asia/Kolkata")),
            moments=(
                failed(1023, _CARD, "card_declined"),
                promised("INV-1023", 6, days=2),
                succeeded(1023, days=9),
            ),
        ),
    )


def _text_at_night(start: datetime) -> Story:
    due = start + _TEXT_AFTER
    place = asleep_at(due)
    return Story(
        invoice_id="INV-1012",
        title="the text falls into the night",
        invoice=invoice(1012, customer("Lea", place.zone, place.phone)),
        moments=(failed(1012, _CARD, "card_declined"), succeeded(1012, days=8)),
        text_due=due,
    )


def _text_on_a_holiday(start: datetime) -> Story:
    """Asking for a card begins six days before the holiday; until then Revtain only waits."""
    day = next_holiday(start + _TEXT_AFTER + _FIVE_MINUTES)
    place, asked = day.place, (day.at - _TEXT_AFTER - start) / _DAY
    person = customer("Petra", place.zone, place.phone, locale=place.locale, country=place.country)
    return Story(
        invoice_id="INV-1018",
        title=f"the text falls on {day.name}, a holiday in {place.name}",
        invoice=invoice(1018, person, currency=place.currency),
        moments=(
            failed(1018, "retry_later", "try_again_later"),
            failed(1018, _CARD, "card_declined", days=asked),
            succeeded(1018, 4900, place.currency, days=asked + 11),
        ),
        text_due=day.at,
    )
