"""What does a customer's reply to a text do, now and for whatever fails later?"""

from __future__ import annotations

from pathlib import Path

from app.demo.stage import Stage
from app.embedded.temporal import TemporalDevServer
from sandbox.inbox import Channel
from tests.stories.telling import Invoice, Teller
from tests.stories.witnesses import rows
from tests.stories.words import FIRST, REMINDER, TEXT

_NO_MORE = (
    "text: Example: Sie erhalten keine SMS mehr von dieser Nummer. Mit START erhalten Sie sie "
    "wieder. Fragen: billing@example.com"
)
_AGAIN = "text: Example: You will get texts about your payments again. Reply STOP to end them, HELP"

_WITHOUT_CONSENT = """\
version: 1
brand: {name: Example, support_email: billing@example.com}
consent: {sms: not_required}
campaigns:
  - name: a
    length: 27d
    steps: [{id: text, channel: sms, after: 4d, template: reminder}]
"""


async def _replies(invoice: Invoice, body: str) -> None:
    await invoice.stage.sandbox.twilio.reply(invoice.phone, body)
    await invoice.stage.settle()


async def _suppressed(stage: Stage) -> list[dict[str, object]]:
    return await rows(stage, "SELECT reason, source, lifted_by FROM suppressions")


async def test_a_stop_in_german_is_answered_at_once_and_holds_for_all_that_follows(
    tell: Teller,
) -> None:
    ada = await tell.invoice()
    await ada.register(customer={"locale": "de-DE"})
    await ada.fails()
    await tell.day(2)
    await _replies(ada, "Bitte hören Sie auf, mir zu schreiben!")
    assert await _suppressed(tell.stage) == [
        {"reason": "opted_out", "source": "reply", "lifted_by": None}
    ]
    case = await ada.case()
    (moved,) = [m for m in case["messages"] if m["step"] == "monthly.text"]
    assert moved["channel"] == "email"
    later = await tell.invoice(customer={"id": f"cus-{ada.number}", "phone": ada.phone})
    await later.fails()
    await tell.day(24)
    texts = [m.text for m in tell.stage.sandbox.messages if m.to == ada.phone]
    assert [f"text: {words}" for words in texts] == [_NO_MORE]
    assert [m.channel for m in later.arrived() if m.to != ada.phone].count(Channel.EMAIL) > 1


async def test_dont_stop_changes_nothing_and_reaches_a_person(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(2)
    await _replies(ada, "Please don't stop, I want to pay on Friday")
    await tell.day(7)
    assert (await ada.told()).inbox == (
        f"day 0: {FIRST}",
        f"day 4: {REMINDER}",
        f"day 6: {TEXT}",
    )
    (waiting,) = await tell.stage.stores.replies.find()
    assert (waiting.invoice_id, waiting.customer_id, waiting.meaning) == (
        ada.id,
        f"cus-{ada.number}",
        "other",
    )
    assert await _suppressed(tell.stage) == []


async def test_a_start_brings_the_text_back(tell: Teller) -> None:
    ada = await tell.invoice()
    await ada.fails()
    await tell.day(2)
    await _replies(ada, "leave me alone")
    await tell.day(3)
    await _replies(ada, "opt in")
    await tell.day(8)
    stopped, restored, reminder = [f"text: {m.text}" for m in ada.arrived() if m.to == ada.phone]
    assert "no more texts" in stopped
    assert restored.startswith(_AGAIN)
    assert reminder.startswith(TEXT)
    assert await _suppressed(tell.stage) == [
        {"reason": "opted_out", "source": "reply", "lifted_by": "reply"}
    ]


async def test_a_stop_that_only_the_vendor_heard_is_learned_at_the_send(tell: Teller) -> None:
    ada = await tell.invoice()
    tell.stage.sandbox.texts.opt_out(ada.phone)
    await ada.fails()
    await tell.day(10)
    assert await _suppressed(tell.stage) == [
        {"reason": "opted_out", "source": "send", "lifted_by": None}
    ]
    assert [m for m in ada.arrived() if m.to == ada.phone] == []
    status, answer = await tell.stage.call("GET", f"/v1/customers/cus-{ada.number}/consents")
    assert status == 200
    assert [(c["kind"], c["at"]) for c in answer["consents"]] == [("given", "2026-01-05T10:00:00Z")]
    assert [s["reason"] for s in answer["suppressions"]] == ["opted_out"]
    status, refusal = await tell.stage.call(
        "DELETE", f"/v1/customers/cus-{ada.number}/suppressions/sms"
    )
    assert (status, "sms_consent_at" in refusal["detail"]) == (409, True)


async def test_texts_need_no_recorded_consent_where_the_policy_says_so(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(_WITHOUT_CONSENT)
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(policy)) as stage:
        tell = Teller.of(stage)
        ada = await tell.invoice(customer={"sms_consent_at": None})
        bob = await tell.invoice(customer={"sms_consent_at": None})
        await _replies(bob, "STOP")
        for invoice in (ada, bob):
            await invoice.fails()
        await tell.day(5)
        assert (await ada.told()).inbox == (f"day 4: {TEXT}",)
        assert (await bob.told()).inbox == (f"day 4: {REMINDER}",)
        await stage.end_all()
