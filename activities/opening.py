"""With which facts and which plan does a case begin?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from activities.policies import Policies
from activities.truth import Truth, settled
from activities.zones import whereabouts
from dunning.campaign import Campaign
from dunning.channel import Channel
from dunning.choice import choose
from dunning.conditions import Facts
from dunning.directory import Invoice
from dunning.events import Opened, Terms
from dunning.policy import AfterWatch, Policy
from dunning.schedule import Known, Plan, plan
from dunning.states import Outcome
from dunning.steps import ALERT_TEMPLATE, Step, StepKind
from dunning.work import Open
from store.open_cases import OpenCases
from store.standing import Standing


@dataclass(frozen=True, slots=True)
class Opening:
    """Looks the facts up and plans the campaign under the case's policy."""

    truth: Truth
    policies: Policies
    open_cases: OpenCases

    async def plan(self, invoice_id: str, work: Open, pinned: str | None, now: datetime) -> Opened:
        """The facts, and a plan when the advice asks for one and the debt is open."""
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
        return await self._with_campaign(opened, standing, policy, work)

    async def _with_campaign(
        self, opened: Opened, standing: Standing, policy: Policy, work: Open
    ) -> Opened:
        invoice = standing.invoice
        facts = Facts(advice=work.advice, invoice=invoice, decline_code=work.decline_code)
        choice = choose(policy, facts)
        if choice.campaign is None:
            return replace(opened, reason=choice.reason)
        planned = plan(
            choice.campaign,
            policy,
            start=work.anchor,
            next_invoice_at=invoice.next_invoice_at,
            where=whereabouts(invoice.contact, policy.account.timezone),
            decline_code=work.decline_code,
            known=await self._known(choice.campaign, invoice),
        )
        return replace(
            opened,
            campaign=planned.campaign,
            reason=choice.reason,
            steps=case_steps(planned, choice.campaign),
            review_at=planned.review_at,
        )

    async def _known(self, campaign: Campaign, invoice: Invoice) -> Known:
        """The customer's cases are counted only where a step asks for their number."""
        asked = (one.only_if for one in (*campaign.steps, *campaign.alerts))
        if not any(only_if is not None and only_if.open_cases is not None for only_if in asked):
            return Known(invoice=invoice)
        count = await self.open_cases.of(invoice.contact.customer_id)
        return Known(invoice=invoice, open_cases=max(count, 1))


def case_steps(planned: Plan, campaign: Campaign) -> tuple[Step, ...]:
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
    )


_AFTER_REVIEW = {
    "write_off": Outcome.WRITTEN_OFF,
    "stop": Outcome.STOPPED,
    "hand_over": Outcome.HANDED_OVER,
}
