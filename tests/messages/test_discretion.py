"""Can whoever sees a customer's locked screen read who owes what, and for what?"""

from __future__ import annotations

import pytest
from babel import Locale

from dunning.channel import Channel
from dunning.notice import Notice
from messages.examples import example_notices
from messages.money import format_money
from messages.render import Renderer

_RENDERER = Renderer()
_SHIPPED = [
    (channel, locale, template)
    for channel, homes in _RENDERER.templates().items()
    if channel is not Channel.EMAIL
    for locale, templates in homes.items()
    for template in sorted(templates)
]


def _shown(channel: Channel, notice: Notice) -> str:
    if channel is Channel.SMS:
        return _RENDERER.text(notice).body
    push = _RENDERER.push(notice)
    return f"{push.title}\n{push.body}"


@pytest.mark.parametrize(("channel", "locale", "template"), _SHIPPED)
def test_no_text_and_no_notification_tells_who_owes_what_and_for_what(
    channel: Channel, locale: str, template: str
) -> None:
    for notice in example_notices(template, locale):
        shown = _shown(channel, notice).replace(notice.pay_url, "")
        amount = format_money(notice.amount, Locale.parse(locale, sep="-"))
        told = (notice.customer_name, notice.description, notice.invoice_id, amount)
        assert [fact for fact in told if fact and fact in shown] == []
        assert notice.brand.name in shown
