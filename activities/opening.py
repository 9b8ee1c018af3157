"""With which facts and which plan does a case begin?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from activities.policies import Policies
from activities.truth import Truth, settled
from activities.zones import candidates
from dunning.conditions import Facts
from dunning.events import Opened, Terms
from dunning.policy import AfterWatch, Policy
from dunning.schedule import Plan, choose, plan
from dunning.states import Outcome
from dunning.steps import Step
from dunning.work import Open
from store.standing import Standing


@dataclass(frozen=True, slots=True)
class Opening:
    """Looks the facts up and plans the campaign under the case's policy."""

    truth: Truth
    policies: Policies

    async def plan(self, invoice_id: str, work: Open, pinned: str | None, now: datetime) -> Opened:
        """The facts, and a plan when the advice asks for one and the debt is open."""
        digest, policy = await self.policies.pin(pinned)
        standing = await self.truth.of(invoice_id, now)
        opened = Opened(
            policy_digest=digest,
            terms=_terms(policy),
            advice=work.advice,
            decline_code=work.decline_code,
            settled=settled(standing),
            amount_differs=standing.amount_differs,
            card=standing.replaced_card,
        )
        if opened.settled is not None or not work.advice.writes:
            return opened
        return _with_campaign(opened, standing, policy, work)


def _with_campaign(opened: Opened, standing: Standing, policy: Policy, work: Open) -> Opened:
    facts = Facts(advice=work.advice, invoice=standing.invoice, decline_code=work.decline_code)
    choice = choose(policy, facts)
    if choice.campaign is None:
        return replace(opened, reason="no campaign of the policy fits: " + "; ".join(choice.why))
    planned = plan(
        choice.campaign,
        policy,
        start=work.anchor,
        next_invoice_at=standing.invoice.next_invoice_at,
        zones=candidates(standing.invoice.contact, policy.account.timezone),
        decline_code=work.decline_code,
    )
    return replace(
        opened,
        campaign=planned.campaign,
        reason=f"first of {len(policy.campaigns)} whose conditions hold",
        steps=_steps(planned),
        review_at=planned.review_at,
    )


def _steps(planned: Plan) -> tuple[Step, ...]:
    """Steps under ids that are unique over all campaigns, for a case may change campaigns."""
    return tuple(
        Step(
            id=f"{planned.campaign}.{step.step}",
            channel=step.channel,
            template=step.template,
            due_at=step.due_at,
        )
        for step in planned.steps
    )


def _terms(policy: Policy) -> Terms:
    return Terms(
        spacing=policy.spacing,
        watch=policy.watch.deadline,
        watch_then_campaign=policy.watch.then is AfterWatch.CAMPAIGN,
        retry=policy.new_card.deadline,
        review=policy.review.deadline,
        review_rounds=policy.review.rounds,
        review_then=_AFTER_REVIEW[policy.review.then.value],
        receipt=policy.receipt,
    )


_AFTER_REVIEW = {
    "write_off": Outcome.WRITTEN_OFF,
    "stop": Outcome.STOPPED,
    "hand_over": Outcome.HANDED_OVER,
}
