"""What becomes of a notification, from the customer's device back to the registry?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.faults import Fault, FaultKind, Moment, Vendor
from sandbox.inbox import Channel
from tests.providers.service_account import account_file
from tests.rules.policies import campaign, document, step
from tests.stories.telling import Invoice, Teller

if TYPE_CHECKING:
    from app.demo.stage import Stage

DEVICE, OTHER = "device-1", "device-2"


def push(name: str, **fields: Any) -> dict[str, Any]:
    return {**step(name, **fields), "channel": "push"}


@pytest.fixture
def told(idle: Stage, tmp_path: Path) -> Teller:
    """A stage whose merchant has an app."""
    steps = (
        step("first", after="2h"),
        push("tap", after="3d"),
        push("again", after="6d"),
        push("third", after="9d"),
        step("last", after="12d"),
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(document(campaign("monthly", *steps))))
    update = {
        "policy": policy,
        "fcm_service_account_file": account_file(tmp_path, f"{idle.sandbox.fcm_url}/token"),
        "fcm_base_url": idle.sandbox.fcm_url,
    }
    idle.settings = idle.settings.model_copy(update=update)
    return Teller.of(idle)


async def messages(invoice: Invoice) -> dict[str, tuple[str, str | None]]:
    """What became of each step, by its name."""
    case = (await invoice.stage.show(invoice.id))["case"]
    return {m["step"].rpartition(".")[2]: (m["status"], m["reason"]) for m in case["messages"]}


async def devices(invoice: Invoice) -> list[str]:
    shown = await invoice.stage.show(invoice.id)
    return sorted(shown["customer"]["push_tokens"])


def notified(stage: Stage) -> list[str]:
    return [m.to for m in stage.sandbox.messages if m.channel is Channel.PUSH]


async def test_a_device_is_notified_until_its_token_dies(told: Teller, idle: Stage) -> None:
    ada = told.unregistered()
    async with idle.working():
        await ada.register(customer={"push_tokens": [DEVICE]})
        await ada.fails()
        await told.day(4)
        (tapped,) = idle.sandbox.messages.find(to=DEVICE)
        assert (tapped.subject, tapped.custom_args["link"].partition("/p/")[0]) == (
            "Reminder from Example",
            idle.settings.public_url,
        )
        idle.sandbox.devices.unregister([DEVICE])
        await told.day(13)
    assert await messages(ada) == {
        "first": ("sent", None),
        "tap": ("sent", None),
        "again": ("refused", "bad_address (vendor code UNREGISTERED)"),
        # By email, now that no device is left (R7).
        "third": ("sent", None),
        "last": ("sent", None),
    }
    assert await devices(ada) == []


async def test_all_devices_are_notified_and_only_the_dead_one_is_forgotten(
    told: Teller, idle: Stage
) -> None:
    ada = told.unregistered()
    idle.sandbox.devices.unregister([OTHER])
    async with idle.working():
        await ada.register(customer={"push_tokens": [DEVICE, OTHER]})
        await ada.fails()
        await told.day(4)
        assert (await messages(ada))["tap"] == ("sent", None)
        assert (notified(idle), await devices(ada)) == ([DEVICE], [DEVICE])
        await ada.register(customer={"push_tokens": [DEVICE, "device-3"]})
        await told.day(7)
    assert sorted(notified(idle)) == [DEVICE, DEVICE, "device-3"]


async def test_a_notification_that_nobody_confirmed_is_never_repeated(
    told: Teller, idle: Stage
) -> None:
    ada = told.unregistered()
    lost = Fault(kind=FaultKind.STATUS, status=500, when=Moment.AFTER)
    idle.sandbox.faults.plan(Vendor.FCM, lost)
    async with idle.working():
        await ada.register(customer={"push_tokens": [DEVICE]})
        await ada.fails()
        await told.day(5)
    assert (await messages(ada))["tap"] == ("unknown", "no answer from the vendor")
    assert notified(idle) == [DEVICE]


async def test_a_vendor_that_asks_for_patience_gets_it(told: Teller, idle: Stage) -> None:
    ada = told.unregistered()
    busy = Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "3600"})
    idle.sandbox.faults.plan(Vendor.FCM, busy)
    async with idle.working():
        await ada.register(customer={"push_tokens": [DEVICE]})
        await ada.fails()
        await told.day(5)
    assert (await messages(ada))["tap"] == ("sent", None)
    assert notified(idle) == [DEVICE]


async def test_without_a_vendor_notifications_are_withheld(told: Teller, idle: Stage) -> None:
    ada = told.unregistered()
    idle.settings = idle.settings.model_copy(update={"fcm_service_account_file": None})
    async with idle.working():
        await ada.register(customer={"push_tokens": [DEVICE]})
        await ada.fails()
        await told.day(5)
    assert (await messages(ada))["tap"] == ("withheld", "channel_not_configured")
