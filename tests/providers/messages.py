"""Which messages do the vendor tests send?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dunning.ports import EmailMessage, MessageTags, TextMessage

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TAGS = MessageTags(message_id="msg_01", case_id="dunning:INV-1:1", step="day-4")

EMAIL = EmailMessage(
    sender="billing@shop.example",
    sender_name="Shop Billing",
    recipient="ada.lovelace@customer.example",
    recipient_name="Ada Lovelace",
    reply_to="help@shop.example",
    subject="Your card was declined: €49.00",
    text="Please update your card: https://shop.example/p/tok_1",
    html='<p>Please <a href="https://shop.example/p/tok_1">update your card</a></p>',
    tags=TAGS,
    headers={"List-Unsubscribe": "<https://shop.example/u/tok_2>"},
)
TEXT = TextMessage(
    recipient="+12125550123",
    body="Shop: your card was declined. Update it: https://shop.example/p/tok_1 £",
    valid_for=timedelta(hours=2),
    tags=TAGS,
)


def now() -> datetime:
    """The clock that adapters are given in these tests."""
    return NOW
