"""Do invoices of one customer that run under different policies share messages as each allows?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.demo.stage import Stage
from app.policy_file import read_policy
from dunning.orders import Move
from tests.stories.telling import Invoice, Teller
from workflows.contracts import ORDER_IN_BULK, BulkOrder

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer

_TEXT = """\
version: 1
brand: {name: Example, support_email: billing@example.com}
campaigns:
  - name: a
    length: 27d
    steps:
      - {id: first, channel: email, after: 2h, template: card_declined}
      - {id: note, channel: sms, after: 6d, template: reminder}
      - {id: last, channel: email, before_close: 5d, template: reminder}
"""
_MORNING = """\
version: 1
brand: {name: Example, support_email: billing@example.com}
windows:
  email: {opens: "08:00", closes: "20:00"}
campaigns:
  - name: a
    length: 27d
    steps:
      - {id: first, channel: email, after: 4d, template: reminder}
"""
_AFTERNOON = _MORNING.replace("08:00", "16:00")
_EMAIL = _TEXT.replace("channel: sms, after: 6d", "channel: email, after: 9d")


async def _two(tell: Teller) -> tuple[Invoice, Invoice]:
    """Invoices of one customer."""
    one, two = await tell.invoice(), tell.unregistered()
    await two.register(customer={"id": f"cus-{one.number}", "email": one.email, "phone": one.phone})
    return one, two


async def _publish(stage: Stage, text: str) -> str:
    """The digest of the policy under which new cases begin from now on."""
    policy, digest = read_policy(text)
    await stage.stores.policies.publish(digest, policy.model_dump_json(), author="ada")
    return digest


async def test_a_step_that_came_along_is_not_sent_over_the_channel_of_another_policy(
    database_url: str, temporal: TemporalDevServer, tmp_path: Path
) -> None:
    old = tmp_path / "policy.yaml"
    old.write_text(_TEXT)
    async with Stage.open(database_url, temporal.address, DUNNING_POLICY=str(old)) as stage:
        tell = Teller.of(stage)
        one, two = await _two(tell)
        for invoice in (two, one):
            await invoice.fails()
        await tell.day(1)
        await two.order("extend", days=1)
        await tell.day(6)
        (text,) = stage.sandbox.messages.find(to=one.phone)
        emails = len(stage.sandbox.messages.find(to=one.email))
        digest = await _publish(stage, _EMAIL)
        run = stage.client.get_workflow_handle((await two.case())["workflow_id"])
        order = BulkOrder(id="move", order=Move(policy=digest))
        await run.signal(ORDER_IN_BULK, order)
        await tell.day(12)
        note = [m for m in (await two.case())["messages"] if m["step"] == "a.note"]
        assert [(m["channel"], m["status"], m["provider_id"]) for m in note] == [
            ("sms", "sent", text.vendor_id)
        ]
        assert len(stage.sandbox.messages.find(to=one.email)) == emails
        for invoice in (one, two):
            await invoice.pays()
        await stage.end_all()


async def test_an_invoice_is_not_spoken_of_at_an_hour_that_its_own_policy_forbids(
    stage: Stage, tell: Teller
) -> None:
    one, two = await _two(tell)
    await _publish(stage, _AFTERNOON)
    await two.fails()
    await _publish(stage, _MORNING)
    await one.fails()
    await tell.day(6)
    emails = stage.sandbox.messages.find(to=one.email)
    hours = [email.arrived_at.astimezone(tell.midnight.tzinfo).hour for email in emails]
    assert hours == [9, 16]
