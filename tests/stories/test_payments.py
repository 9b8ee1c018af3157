"""Does Revtain hear of payments that needed no recovery, from the whole product?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.demo.stage import Stage
from sandbox.faults import Fault, FaultKind, Operation, Vendor

if TYPE_CHECKING:
    from app.embedded.temporal import TemporalDevServer

PAYMENT = {"amount": 4900, "currency": "USD", "reference": "ORDER-1"}


async def test_a_payment_is_told_once_revtain_is_back(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with Stage.open(
        database_url, temporal.address, work=False, REVTAIN_API_KEY="rev_stage"
    ) as stage:
        async with stage.stores.database.single() as connection:
            await connection.execute(text("UPDATE revtain_calls SET tokens = 10"))
        away = Fault(kind=FaultKind.STATUS, status=401)
        stage.sandbox.faults.plan(Vendor.REVTAIN, away, operation=Operation.PULSE)
        refused, problem = await stage.call("POST", "/v1/payments", PAYMENT)
        taken, told = await stage.call("POST", "/v1/payments", PAYMENT)
        assert (refused, problem["type"]) == (503, "urn:dunning:problem:revtain-unavailable")
        assert (taken, len(told["transaction_id"])) == (201, 36)
        assert stage.sandbox.revtain.ledger.pulses == [
            {"amount": 4900, "currency": "USD", "transactionId": "ORDER-1"}
        ]


async def test_without_a_key_it_is_said_what_to_set(
    database_url: str, temporal: TemporalDevServer
) -> None:
    async with Stage.open(database_url, temporal.address, work=False) as stage:
        status, problem = await stage.call("POST", "/v1/payments", PAYMENT)
        assert (status, "REVTAIN_API_KEY is not set" in problem["detail"]) == (503, True)
