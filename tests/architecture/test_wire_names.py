"""Do the names on the wire belong to handlers, and is the workflow safe to replay?"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.workflow import SandboxImportNotificationPolicy

from activities.case import CaseDesk, NudgeDesk
from app.worker import RESTRICTIONS, runner
from workflows import contracts
from workflows.case import CaseWorkflow
from workflows.contracts import CaseActivities, NudgeActivities

# The SDK tells a definition's names only here.
DEFINITION = workflow._Definition.must_from_class(CaseWorkflow)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def test_every_signal_that_the_client_sends_has_a_handler() -> None:
    assert set(DEFINITION.signals) == {
        contracts.PAYMENT_FAILED,
        contracts.PAYMENT_RECOVERED,
        contracts.AMOUNT_DIFFERS,
        contracts.CARD_REPLACED,
        contracts.INVOICE_VOIDED,
        contracts.CASE_REOPENED,
        contracts.REACH_CHANGED,
        contracts.MESSAGE_SETTLED,
        contracts.ORDER_IN_BULK,
    }


def test_updates_queries_and_the_workflow_keep_their_names() -> None:
    assert DEFINITION.name == contracts.WORKFLOW
    assert set(DEFINITION.updates) == {contracts.ORDER}
    assert set(DEFINITION.queries) == {contracts.SNAPSHOT}


@pytest.mark.parametrize(
    ("contract", "implementation"),
    [(CaseActivities, CaseDesk), (NudgeActivities, NudgeDesk)],
)
def test_activities_are_implemented_under_their_contract_names(
    contract: type[Any], implementation: type[Any]
) -> None:
    assert _names(contract) == _names(implementation)


def _names(owner: type[Any]) -> dict[str, str | None]:
    found = (
        (name, activity._Definition.from_callable(method))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for name, method in inspect.getmembers(owner, inspect.isfunction)
    )
    return {name: definition.name for name, definition in found if definition is not None}


async def test_the_workflow_file_passes_nothing_through_unasked() -> None:
    """Code that is passed through is not watched by the sandbox, so it has to be meant."""
    policy = (
        SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
        | SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
    )
    strict = runner(RESTRICTIONS.with_import_notification_policy(policy))
    strict.prepare_workflow(DEFINITION)
