"""What does a failure mean to a charge that we have asked for ourselves (R4)?"""

from __future__ import annotations

from dataclasses import replace

from dunning.advice import Advice
from dunning.events import Failed
from dunning.facts import CARD_FAILED, Case

# With these the customer is told something else than that the new card failed, or nothing at all.
_SAYS_NOTHING = frozenset({Advice.AUTHENTICATE, Advice.BLOCKED})


def ours(case: Case) -> bool:
    """Whether we charge new cards, by the policy of the case."""
    return case.terms is not None and case.terms.charges


def ends_pending(case: Case, event: Failed) -> bool:
    """Whether a failure is that of the charge that the recovery service was trying by itself."""
    if not case.charging.pending:
        return False
    known = case.charging.transaction_id
    if known is not None:
        return event.transaction_id == known
    return event.transaction_id is not None and event.transaction_id not in case.transactions


def heard(case: Case, event: Failed) -> tuple[Case, Failed]:
    """The case when it has heard of a failure, and the failure with the card that it is of."""
    if ends_pending(case, event):
        charged = case.charging.cards
        event = replace(event, card=event.card or (charged[0] if charged else None))
        charging = replace(case.charging, pending=False, transaction_id=None)
        case = replace(case, charging=charging)
    if event.card is None or event.advice not in _SAYS_NOTHING:
        return case, event
    if ours(case) and event.card in case.new_cards:
        # That an earlier card was let through says nothing of this one.
        case = replace(case, cleared=None)
    hushed = tuple(sorted({*case.charging.hushed, event.card}))
    return replace(case, charging=replace(case.charging, hushed=hushed)), event


def hush(case: Case) -> Case:
    """The case without notices that something else is said instead of, or nothing."""
    if not ours(case):
        return case
    hushed = {f"{CARD_FAILED}{card}" for card in case.charging.hushed}
    if case.busy is not None:
        hushed.discard(case.busy.step or "")
    if not any(step.pending and step.id in hushed for step in case.steps):
        return case
    steps = tuple(s for s in case.steps if not (s.pending and s.id in hushed))
    return replace(case, steps=steps)


def left_to_others(case: Case) -> Case:
    """Under the terms so far somebody else charges what is awaited, or has done so."""
    if case.terms is None:
        return case
    return replace(case, charging=replace(case.charging, pending=True, cards=case.new_cards))


def without(case: Case, cards: frozenset[str]) -> Case:
    """The case when nothing more is awaited of these cards; an ordered retry is awaited still."""
    left = tuple(card for card in case.new_cards if card not in cards)
    if case.awaiting not in case.new_cards:
        return replace(case, new_cards=left)
    return replace(case, new_cards=left, awaiting=left[0] if left else None)
