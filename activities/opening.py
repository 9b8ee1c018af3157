"""With which facts and which plan does a case begin?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from activities.policies import Policies
from activities.reaching import Reaching
from activities.truth import Truth, settled
from activities.zones import whereabouts
from dunning.campaign import Campaign
from dunning.channel import Channel
from dunning.conditions import Facts
from dunning.course import Course, asks_for_cases, course
from dunning.events import Opened, Terms
from dunning.facts import Case
from dunning.policy import AfterWatch, ChargedBy, Policy
from dunning.promise import PromiseTerms
from dunning.reach import Writes
from dunning.schedule import Plan
from dunning.states import Outcome
from dunning.steps import ALERT_TEMPLATE, Step, StepKind
from dunning.work import Open
from store.open_cases import OpenCases
from store.standing import Standing


@dataclass(frozen=True, slots=True)
class Opening:
    """Looks the facts up and plans the campaign under the case's policy.

    `writes` says whether a template has a form for a channel.
    """

    truth: Truth
    policies: Policies
    open_cases: OpenCases
    reaching: Reaching
    writes: Writes

    async def plan(
        self,
        invoice_id: str,
        work: Open,
        pinned: str | None,
        now: datetime,
        *,
        case: Case | None = None,
    ) -> Opened:
        """The facts, and a plan when the advice asks for one and the debt is open.

        A `case` is needed by work that keeps the plan there is.
        """
        digest, policy = await self.policies.pin(pinned)
        standing = await self.truth.of(invoice_id, now)
        opened = Opened(
            policy_digest=digest,
            terms=terms_of(policy),
            advice=work.advice,
            decline_code=work.decline_code,
            settled=settled(standing),
            amount_differs=standing.amount_differs,
            card=standing.replaced_card,
        )
        if opened.settled is not None or not work.advice.writes:
            return opened
        if work.reroute and case is not None:
            planned = _as_planned(opened, case)
        else:
            planned = on_course(opened, await self._course(standing, policy, work))
        reach = await self.reaching.of(standing.invoice.contact, policy)
        steps = reach.route(planned.steps, self.writes)
        return replace(planned, steps=steps, unreachable=reach.leads_nowhere(steps))

    async def _course(self, standing: Standing, policy: Policy, work: Open) -> Course:
        invoice = standing.invoice
        counted = 1
        if asks_for_cases(policy):
            counted = max(await self.open_cases.of(invoice.contact.customer_id), 1)
        return course(
            policy,
            Facts(advice=work.advice, invoice=invoice, decline_code=work.decline_code),
            start=work.anchor,
            where=whereabouts(invoice.contact, policy.account.timezone),
            open_cases=counted,
        )


def _as_planned(opened: Opened, case: Case) -> Opened:
    """The opening with the plan that the case has, put off and skipped as it may be."""
    return replace(
        opened,
        campaign=case.campaign,
        reason=case.campaign_reason,
        rerouted=True,
        steps=tuple(step for step in case.steps if step.pending),
        review_at=case.review_at,
    )


def on_course(opened: Opened, found: Course) -> Opened:
    """The opening with its campaign, or with why it has none."""
    campaign, planned = found.choice.campaign, found.plan
    if campaign is None or planned is None:
        return replace(opened, reason=found.choice.reason)
    return replace(
        opened,
        campaign=planned.campaign,
        reason=found.choice.reason,
        steps=_case_steps(planned, campaign),
        review_at=planned.review_at,
    )


def _case_steps(planned: Plan, campaign: Campaign) -> tuple[Step, ...]:
    """Steps under ids that are unique over all campaigns, for a case may change campaigns."""
    last = {step.id for step in campaign.steps if step.before_close is not None}
    messages = (
        Step(
            id=f"{planned.campaign}.{step.step}",
            channel=step.channel,
            template=step.template,
            due_at=step.due_at,
            final=step.step in last,
            fallback=step.fallback,
        )
        for step in planned.steps
    )
    alerts = (
        Step(
            id=f"{planned.campaign}.{alert.step}",
            channel=Channel.EMAIL,  # no message leaves; its queue tells the team
            template=ALERT_TEMPLATE,
            due_at=alert.due_at,
            kind=StepKind.ALERT,
        )
        for alert in planned.alerts
    )
    return tuple(sorted((*messages, *alerts), key=lambda step: step.due_at))


def terms_of(policy: Policy) -> Terms:
    """What the policy says to a case outside its steps."""
    return Terms(
        spacing=policy.spacing,
        watch=policy.watch.deadline,
        watch_then_campaign=policy.watch.then is AfterWatch.CAMPAIGN,
        retry=policy.new_card.deadline,
        review=policy.review.deadline,
        review_rounds=policy.review.rounds,
        review_then=_AFTER_REVIEW[policy.review.then.value],
        receipt=policy.receipt,
        extend_keeps_review=True,
        promise=_promise_terms(policy),
        end=policy.end.terms,
        charges=policy.new_card.charged_by is ChargedBy.US,
        queued=policy.watch.deadline,
    )


def _promise_terms(policy: Policy) -> PromiseTerms | None:
    said = policy.promise
    if said is None:
        return None
    return PromiseTerms(
        longest=said.longest,
        most=said.most,
        grace=said.grace,
        confirm=said.confirm,
        remind=said.remind,
    )


_AFTER_REVIEW = {
    "write_off": Outcome.WRITTEN_OFF,
    "stop": Outcome.STOPPED,
    "hand_over": Outcome.HANDED_OVER,
}
