"""What does the database keep of a service that is about to end, and who may still say what?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dunning.channel import Channel
from dunning.service import Service, ServiceStatus
from dunning.states import Cause, Outcome, State
from dunning.view import CaseView
from store.audit import Audit
from store.reservations import Draft, Reserved, Settled

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.ledger import Ledger
    from store.registry import Registry
    from tests.store.conftest import Register

RUN = "dunning:INV-1:1"
WEEK = timedelta(days=7)


@pytest.fixture
async def ending(cases: Cases, register: Register, now: datetime) -> CaseView:
    """A debt that was written off, and whose service ends in a week."""
    await register()
    await cases.open_many(["INV-1"], now)
    view = CaseView(
        workflow_id=RUN,
        version=1,
        state=State.CLOSED,
        outcome=Outcome.WRITTEN_OFF,
        closed_at=now,
        next_at=now + WEEK,
        service=Service.CANCEL,
        service_status=ServiceStatus.ENDING,
        service_ends_at=now + WEEK,
        at=now,
    )
    await cases.close(view)
    return view


def ended(ending: CaseView) -> CaseView:
    return replace(ending, version=2, service_status=ServiceStatus.ENDED, next_at=None)


async def trail(database: Database) -> list[str]:
    entries = await Audit(database).of_invoice("INV-1")
    return [e.kind for e in entries if e.kind.startswith(("service", "case.written"))]


async def status(cases: Cases) -> ServiceStatus | None:
    case = await cases.get_run(RUN)
    assert case is not None
    return case.service_status


async def test_an_end_is_announced_once_and_comes_once(
    cases: Cases, database: Database, ending: CaseView, now: datetime
) -> None:
    await cases.project(replace(ending, version=2))
    later = replace(ending, version=3, service_ends_at=now + 2 * WEEK)
    await cases.project(later)
    await cases.project(replace(ended(later), version=4))
    assert await trail(database) == [
        "case.written_off",
        "service.ending",
        "service.ending",
        "service.ended",
    ]


async def test_an_end_whose_date_is_not_known_is_not_announced(
    cases: Cases, database: Database, ending: CaseView
) -> None:
    await cases.project(replace(ending, version=2, service_ends_at=None))
    assert await trail(database) == ["case.written_off", "service.ending"]


async def _paid(registry: Registry, cases: Cases, now: datetime) -> None:
    del cases
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)


async def _void(registry: Registry, cases: Cases, now: datetime) -> None:
    del cases
    await registry.mark_void("INV-1", now)


async def _again(registry: Registry, cases: Cases, now: datetime) -> None:
    del registry
    await cases.reopen("INV-1", now)


@pytest.mark.parametrize("keep", [_paid, _void, _again])
async def test_what_settles_the_debt_keeps_the_service_at_once_and_for_good(
    cases: Cases,
    registry: Registry,
    database: Database,
    ending: CaseView,
    now: datetime,
    keep: Callable[[Registry, Cases, datetime], Awaitable[None]],
) -> None:
    await keep(registry, cases, now)
    assert await status(cases) is ServiceStatus.KEPT
    await cases.project(ended(ending))
    assert await status(cases) is ServiceStatus.KEPT
    assert await trail(database) == ["case.written_off", "service.ending", "service.kept"]


async def test_a_payment_that_comes_before_the_close_is_written_keeps_the_service(
    cases: Cases, registry: Registry, register: Register, database: Database, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)
    await cases.close(
        CaseView(
            workflow_id=RUN,
            version=1,
            state=State.CLOSED,
            outcome=Outcome.WRITTEN_OFF,
            closed_at=now,
            service=Service.PAUSE,
            service_status=ServiceStatus.ENDING,
            service_ends_at=now,
        )
    )
    assert await trail(database) == ["case.written_off", "service.kept"]


async def test_a_service_that_has_ended_has_ended(
    cases: Cases, registry: Registry, database: Database, ending: CaseView, now: datetime
) -> None:
    await cases.project(ended(ending))
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)
    assert await status(cases) is ServiceStatus.ENDED
    assert (await trail(database))[-1] == "service.ended"


async def test_only_a_notice_of_the_service_may_follow_the_close(
    ledger: Ledger, registry: Registry, ending: CaseView, now: datetime
) -> None:
    del ending

    def draft(step: str, *, of_service: bool) -> Draft:
        return Draft(
            step=step,
            channel=Channel.EMAIL,
            template=step,
            due_at=now,
            now=now,
            of_service=of_service,
        )

    assert await ledger.reserve(RUN, draft("reminder", of_service=False)) == Settled()
    notice = await ledger.reserve(RUN, draft("service-ending", of_service=True))
    assert isinstance(notice, Reserved)
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)
    assert await ledger.reserve(RUN, draft("service-ended", of_service=True)) == Settled()


async def test_a_notice_is_not_sent_for_a_case_that_was_opened_again(
    cases: Cases, ledger: Ledger, ending: CaseView, now: datetime
) -> None:
    del ending
    await cases.reopen("INV-1", now)
    step = "service-ended"
    draft = Draft(
        step=step, channel=Channel.EMAIL, template=step, due_at=now, now=now, of_service=True
    )
    assert await ledger.reserve(RUN, draft) == Settled()


async def test_a_closed_case_whose_run_is_lost_keeps_the_service(
    cases: Cases, database: Database, ending: CaseView, now: datetime
) -> None:
    assert await cases.overdue(now) == []
    (lost,) = await cases.overdue(now + 2 * WEEK)
    assert lost.workflow_id == ending.workflow_id
    assert await cases.end_as_stopped(RUN, now + 2 * WEEK)
    assert not await cases.end_as_stopped(RUN, now + 2 * WEEK)
    case = await cases.get_run(RUN)
    assert case is not None
    assert (case.outcome, case.service_status) == (Outcome.WRITTEN_OFF, ServiceStatus.KEPT)
    assert (await trail(database))[-1] == "service.kept"


async def test_its_run_still_hears_of_the_invoice(
    cases: Cases, registry: Registry, ending: CaseView, now: datetime
) -> None:
    assert await cases.live_workflow("INV-1") == RUN
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, now)
    assert await cases.live_workflow("INV-1") == RUN
    kept = replace(ending, version=2, service_status=ServiceStatus.KEPT, next_at=None)
    await cases.project(kept)
    assert await cases.live_workflow("INV-1") is None
