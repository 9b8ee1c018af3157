"""Is a past case read back as it began, with what ended it from outside?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dunning.advice import Advice
from dunning.channel import Channel
from dunning.states import Cause, Outcome, ReviewReason, State
from dunning.suppression import Reason, Source
from dunning.view import CaseView
from store.past_cases import Ending, PastCase, PastCases
from store.suppressions import Closing, Suppressions
from tests.store.conftest import TOKEN_KEY

if TYPE_CHECKING:
    from store.cases import Cases
    from store.database import Database
    from store.registry import Registry
    from tests.store.conftest import Register

DAY = timedelta(days=1)


@pytest.fixture
def past_cases(database: Database) -> PastCases:
    return PastCases(database, TOKEN_KEY)


def view(version: int = 1, **fields: Any) -> CaseView:
    base = CaseView(
        workflow_id="dunning:INV-1:1",
        version=version,
        state=State.WAITING,
        advice=Advice.REQUEST_CARD_UPDATE,
        decline_code="expired_card",
    )
    return replace(base, **fields)


async def only(past_cases: PastCases, since: datetime) -> PastCase:
    (case,) = await past_cases.opened_since(since)
    return case


async def test_a_case_is_read_with_the_facts_it_began_with(
    cases: Cases,
    past_cases: PastCases,
    register: Register,
    suppressions: Suppressions,
    now: datetime,
) -> None:
    customer = {"id": "cus_1", "email": "Ada@example.com", "phone": "+12125550123"}
    await register(customer=customer)
    await register("INV-2")
    await cases.open_many(["INV-1", "INV-2"], now)
    await cases.project(view())
    for channel, address, reason in (
        (Channel.EMAIL, "ada@example.com", Reason.BAD_ADDRESS),
        (Channel.EMAIL, "+12125550123", Reason.OPTED_OUT),
    ):
        await suppressions.add(
            Closing(channel=channel, address=address, reason=reason, source=Source.SEND)
        )
    case = await only(past_cases, now)
    assert (case.invoice.id, case.cycle, case.opened_at) == ("INV-1", 1, now)
    assert (case.advice, case.decline_code) == (Advice.REQUEST_CARD_UPDATE, "expired_card")
    assert (case.invoice.contact.email, case.ended) == ("Ada@example.com", None)
    assert [(c.channel, c.reason) for c in case.closed_channels] == [(Channel.EMAIL, "bad_address")]
    assert await past_cases.opened_since(now + DAY) == []


@pytest.mark.parametrize("outcome", Outcome)
async def test_an_end_from_outside_is_kept_with_its_instant(
    cases: Cases, past_cases: PastCases, register: Register, now: datetime, outcome: Outcome
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    end = now + 5 * DAY
    await cases.close(view(state=State.CLOSED, outcome=outcome, closed_at=end))
    assert (await only(past_cases, now)).ended == Ending(at=end, outcome=outcome)


async def test_an_end_that_only_time_brought_is_none_and_later_money_is_one(
    cases: Cases, past_cases: PastCases, register: Register, registry: Registry, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    deadline = now + 27 * DAY
    review: dict[str, Any] = {"review_reason": ReviewReason.CAMPAIGN_OVER, "review_round": 1}
    in_review = view(state=State.REVIEW, next_at=deadline, **review)
    await cases.project(in_review, now + 22 * DAY)
    written_off: dict[str, Any] = {"outcome": Outcome.WRITTEN_OFF, "closed_at": deadline, **review}
    await cases.close(view(2, state=State.CLOSED, **written_off))
    assert (await only(past_cases, now)).ended is None

    paid_at = deadline + 3 * DAY
    await registry.mark_paid("INV-1", Cause.PAID_ELSEWHERE, paid_at)
    assert (await only(past_cases, now)).ended == Ending(
        at=paid_at, outcome=Outcome.RECOVERED, cause=Cause.PAID_ELSEWHERE
    )


async def test_a_person_who_decided_a_review_ended_the_case(
    cases: Cases, past_cases: PastCases, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    review: dict[str, Any] = {"review_reason": ReviewReason.MANUAL_REVIEW, "review_round": 1}
    await cases.project(view(state=State.REVIEW, next_at=now + 5 * DAY, **review), now)
    await cases.record_decision("INV-1", "write_off", "ada")
    end = now + DAY
    closed: dict[str, Any] = {"outcome": Outcome.WRITTEN_OFF, "closed_at": end, **review}
    await cases.close(view(2, state=State.CLOSED, **closed))
    assert (await only(past_cases, now)).ended == Ending(at=end, outcome=Outcome.WRITTEN_OFF)


async def test_the_next_cycle_of_an_invoice_ends_the_one_before(
    cases: Cases, past_cases: PastCases, register: Register, now: datetime
) -> None:
    await register()
    await cases.open_many(["INV-1"], now)
    review: dict[str, Any] = {"review_reason": ReviewReason.CAMPAIGN_OVER, "review_round": 1}
    await cases.project(view(state=State.REVIEW, next_at=now + DAY, **review), now)
    closed: dict[str, Any] = {"outcome": Outcome.STOPPED, "closed_at": now + DAY, **review}
    await cases.close(view(2, state=State.CLOSED, **closed))
    reopened = now + 9 * DAY
    await cases.reopen("INV-1", reopened)
    assert (await only(past_cases, now)).ended == Ending(at=reopened, outcome=Outcome.STOPPED)
