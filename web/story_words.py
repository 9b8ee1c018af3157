"""In which words is each kind of happening told to a person? Ours only; codes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dunning.facts import SERVICE_ENDED, SERVICE_ENDING
from dunning.money import Money
from dunning.service import Service
from dunning.settlement import PaidBy
from dunning.states import Cause, ReviewReason, Withheld
from dunning.suppression import Source
from store.audit_kinds import AuditKind

Detail = Mapping[str, Any]

CHANNELS: Mapping[str, str] = {
    "email": "Email",
    "sms": "Text message",
    "push": "Notification",
    "page": "Words on the pay page",
}
WITHHELD: Mapping[str, str] = {
    Withheld.NO_ADDRESS: "the customer has no address for this channel",
    Withheld.NO_CONSENT: "the customer has not agreed to this channel",
    Withheld.OPTED_OUT: "the customer has opted out of it",
    Withheld.BAD_ADDRESS: "the address is known to be bad",
    Withheld.COMPLAINED: "the customer reported a message as spam",
    Withheld.FILTERED: "a carrier throws our messages to it away",
    Withheld.EXCLUDED: "the customer is excluded from all dunning",
    Withheld.NO_WINDOW: "no hour suits all places where the customer may be",
    Withheld.NO_VENDOR: "no vendor is configured for this channel",
    Withheld.OVER_BUDGET: "the customer has heard from us often enough on this channel",
    Withheld.DIRECTORY_DOWN: "no directory could tell whether it is still owed",
    Withheld.NOT_LISTED: "the invoice is not in the directory any more",
    Withheld.AMOUNT_DIFFERS: "what was paid is not what is owed",
}
REVIEWS: Mapping[str, str] = {
    ReviewReason.MANUAL_REVIEW: "the failure asks for a person",
    ReviewReason.BLOCKED: "the recovery was blocked",
    ReviewReason.AMOUNT_DIFFERS: "what was paid is not what is owed",
    ReviewReason.NO_CAMPAIGN: "no campaign fits",
    ReviewReason.CAMPAIGN_OVER: "the campaign is over",
    ReviewReason.WATCH_OVER: "nothing was heard for as long as we watched",
    ReviewReason.RETRY_OVER: "the new charge had no outcome in time",
    ReviewReason.UNREACHABLE: "no channel to the customer is left",
    ReviewReason.CHARGE_REFUSED: "the card could not be charged",
}
CAUSES: Mapping[str, str] = {
    Cause.REVTAIN_RETRY: "a retry of the payment went through",
    Cause.CARD_UPDATE: "the payment went through with a new card",
    Cause.PAID_ELSEWHERE: "the invoice was paid by another way",
    Cause.MANUAL: "a person marked it as paid",
}
SOURCES: Mapping[str, str] = {
    Source.SEND: "the vendor refused a message of ours",
    Source.REPORT: "the vendor reported it",
    Source.REPLY: "the customer answered so",
    Source.PAGE: "the customer chose it on the page of preferences",
    Source.ONE_CLICK: "the customer pressed unsubscribe in the mail program",
    Source.API: "the merchant's system said so",
    Source.OPERATOR: "an operator said so",
    Source.IMPORT: "it was in an imported list",
}
ARRIVALS: Mapping[str, str] = {
    "recovery.failed": "The payment was given up by Revtain",
    "recovery.blocked": "The recovery was blocked by Revtain",
    "recovery.success": "The payment went through",
    "card.updated": "The card was changed",
    "invoice.paid": "The invoice was marked as paid",
    "invoice.voided": "The invoice was marked as void",
    "invoice.card": "The customer gave a new card",
    "message.settled": "What became of a message was found out",
}
_MEANINGS = {"stop": "to stop", "start": "to start again", "help": "for help", "other": "something"}
_CASE: Mapping[str, str] = {
    AuditKind.BEGUN: "The audit trail of the case begins",
    AuditKind.OPENED: "The case was opened",
    AuditKind.WATCHING: "Nobody is written to; the payment may still be recovered",
    AuditKind.RETRYING: "Messages stop while a new charge is awaited",
    AuditKind.PROMISED: "Nobody is reminded: the customer chose a day to pay",
    AuditKind.PAUSED: "The case is paused",
    AuditKind.PROMISE_KEPT: "The promise to pay was kept",
    AuditKind.PROMISE_BROKEN: "The promise to pay was broken",
    AuditKind.REVIEW: "The case waits for a person",
    AuditKind.RECOVERED: "The case closed: recovered",
    AuditKind.CANCELLED: "The case closed: nothing is owed any more",
    AuditKind.WRITTEN_OFF: "The case closed: written off",
    AuditKind.STOPPED: "The case closed: stopped",
    AuditKind.HANDED_OVER: "The case closed: handed over",
    AuditKind.ADVICE: "The failure weighs more than was known",
    AuditKind.POLICY_MOVED: "The case goes on under another version of the policy",
    AuditKind.PAID_AFTER_CLOSE: "The money came after the case had closed unpaid",
    AuditKind.SERVICE_KEPT: "The service goes on",
    AuditKind.HELP_ASKED: "The customer asked for help on the pay page",
    AuditKind.REVIEW_OPENED: "A review was opened",
    AuditKind.REVIEW_CHANGED: "The review was changed",
    AuditKind.REVIEW_ENDED: "The review ended",
}
_MESSAGES: Mapping[str, str] = {
    AuditKind.SENT: "sent",
    AuditKind.WITHHELD: "not sent",
    AuditKind.REFUSED: "refused by the vendor",
    AuditKind.UNKNOWN: "perhaps sent: nobody can tell",
    AuditKind.RELEASED: "not taken by the vendor, to be tried again",
    AuditKind.OVERTAKEN: "not sent: a later one took its place",
    AuditKind.SKIPPED: "not sent: skipped",
    AuditKind.ALERTED: "told to the team",
}
_SETTLED = {
    "sent": "proved to be sent",
    "refused": "proved to be refused",
    "planned": "proved not to be sent, to be tried again",
}
_ORDERS: Mapping[str, Callable[[Detail], str]] = {
    AuditKind.ORDER_PAUSE: lambda d: f"pause{_until(d)}",
    AuditKind.ORDER_RESUME: lambda _: "go on",
    AuditKind.ORDER_SKIP: lambda d: f"skip {d.get('step')}",
    AuditKind.ORDER_SEND_NOW: lambda d: f"send {d.get('step')} now",
    AuditKind.ORDER_STOP: lambda _: "stop the case",
    AuditKind.ORDER_EXTEND: lambda d: f"give {d.get('days')} days more",
    AuditKind.ORDER_REPLAN: lambda _: "plan again",
    AuditKind.ORDER_MOVE: lambda d: f"move to policy {d.get('policy')}",
    AuditKind.ORDER_PROMISE: lambda d: f"the customer will pay on {d.get('day')}",
    AuditKind.ORDER_DECIDE: lambda d: f"decide: {d.get('decision')}",
    AuditKind.ORDER_REOPEN: lambda _: "open the case again",
    AuditKind.ORDER_ASSIGN: lambda d: f"give the case to {d.get('owner') or 'nobody'}",
    AuditKind.ORDER_RESOLVE: lambda d: f"it was {'' if d.get('sent') else 'not '}sent",
}


def what(kind: str, detail: Detail) -> str:
    """What happened."""
    match kind.split("."):
        case "order", _:
            return _order(kind, detail)
        case "message", name:
            return f"{_channel(detail)} {_message(kind, name, detail)}"
        case "channel", name:
            state = "closed" if name == "closed" else "open again"
            return f"Channel {state}: {_channel(detail).lower()}"
        case "payment", _:
            return _payment(detail)
        case "note", _:
            return f"Note by {detail.get('author')}"
        case _:
            return _case(kind, detail)


def reply(channel: str, meaning: str) -> str:
    """That a customer answered, and what was meant."""
    return f"{CHANNELS.get(channel, channel)} from the customer: {_MEANINGS.get(meaning, meaning)}"


def report(channel: str, status: str) -> str:
    """What a vendor reported."""
    return f"{CHANNELS.get(channel, channel)} {status.replace('_', ' ')}, says the vendor"


def notice(step: str | None) -> str | None:
    """Why a notice of the service is sent; None for any other step."""
    if step is None or "." in step or not step.startswith((SERVICE_ENDING, SERVICE_ENDED)):
        return None
    return "the service has ended" if step == SERVICE_ENDED else "the service is about to end"


def _case(kind: str, detail: Detail) -> str:
    wording = _WITH_DETAIL.get(kind)
    return wording(detail) if wording else _CASE.get(kind, kind)


def _campaign(detail: Detail) -> str:
    goes_on = "" if detail.get("from") == "opening" else " goes on"
    return f"Campaign {detail.get('campaign')}{goes_on or ' begins'}"


def _service(detail: Detail) -> str:
    return "paused" if detail.get("service") == Service.PAUSE else "cancelled"


def _service_ending(detail: Detail) -> str:
    ends_at = detail.get("service_ends_at")
    at = f" at {datetime.fromisoformat(ends_at):%Y-%m-%d %H:%M} UTC" if ends_at else ""
    return f"The service is to be {_service(detail)}{at}"


_CHARGED: Mapping[str, str] = {
    "recovered": "The card was charged, and the money is there",
    "failed": "The charge was declined",
    "blocked": "The charge was blocked by Revtain",
    "queued": "Revtain tries the charge by itself later",
    "unknown": "Nobody knows yet what came of the charge",
    "refused": "The card was not charged, nor will it be",
}
_PURPOSES = {
    "new_card": "the new card",
    "retry": "the card of the invoice again",
    "recovery": "the card of the invoice",
}


def _charge(detail: Detail) -> str:
    card = _PURPOSES.get(str(detail.get("purpose")), "a card")
    return f"Revtain is asked to charge {card}"


_WITH_DETAIL: Mapping[str, Callable[[Detail], str]] = {
    AuditKind.WAITING: _campaign,
    AuditKind.CAMPAIGN: lambda d: f"Campaign {d.get('campaign')} takes over",
    AuditKind.ASSIGNED: lambda d: f"The case is with {d.get('owner') or 'nobody'}",
    AuditKind.REVIEW_ROUND: lambda d: f"The review goes into round {d.get('round')}",
    AuditKind.REVIEW_DECIDED: lambda d: f"Decided: {d.get('decision')}",
    AuditKind.SERVICE_ENDING: _service_ending,
    AuditKind.SERVICE_ENDED: lambda d: f"The service is {_service(d)}",
    AuditKind.CHARGE_REQUESTED: _charge,
    AuditKind.CHARGE_ANSWERED: lambda d: _CHARGED.get(str(d.get("status")), "The charge ended"),
}


def _payment(detail: Detail) -> str:
    currency = str(detail.get("currency"))
    owed_in, left = str(detail.get("left_currency") or currency), int(detail.get("left") or 0)
    money = Money(minor=int(detail.get("amount") or 0), currency=currency).figure
    rest = Money(minor=abs(left), currency=owed_in).figure
    told = "A person counted" if detail.get("source") == PaidBy.REVIEW else "Money came in:"
    if left == 0:
        return f"{told} {money}; nothing is owed any more"
    return f"{told} {money}; {rest} {'too much' if left < 0 else 'is still owed'}"


def _message(kind: str, name: str, detail: Detail) -> str:
    if kind == AuditKind.SETTLED:
        return _SETTLED.get(str(detail.get("status")), str(detail.get("status")))
    return _MESSAGES.get(kind) or f"{name.replace('_', ' ')}, says the vendor"


def _order(kind: str, detail: Detail) -> str:
    if kind == AuditKind.ORDER_REFUSED:
        return f"The order could not be carried out: {detail.get('order')}"
    wording = _ORDERS.get(kind)
    return f"{detail.get('author')} ordered: {wording(detail) if wording else kind}"


def _until(detail: Detail) -> str:
    return f" until {detail['until']}" if detail.get("until") else ""


def _channel(detail: Detail) -> str:
    channel = str(detail.get("channel"))
    return CHANNELS.get(channel, channel)
