"""What can an entry of the audit trail say? Values are wire names and never change.

`case.*`, `channel.*`, `promise.*`, `charge.*`, `payment.*` and `service.*` are what became of a
case, `message.*` what became of a message and what its vendor reported of it, but for the stations
on the way; `order.*` is what an operator ordered, or a customer asked for, and stands before what
it caused.
"""

from __future__ import annotations

from enum import StrEnum


class AuditKind(StrEnum):
    """A kind of entry. The comment names what its detail holds beside `at`, the case's time."""

    BEGUN = "audit.begun"  # an older case, as it stood when its trail began: invoice, state

    OPENED = "case.opened"  # invoice, cycle, workflow
    WAITING = "case.waiting"  # as all kinds of a state: from, advice, campaign and why, next_at
    WATCHING = "case.watching"
    RETRYING = "case.retrying"
    PROMISED = "case.promised"  # promise_day, promise_until
    PAUSED = "case.paused"
    REVIEW = "case.review"  # review_reason, review_round
    RECOVERED = "case.recovered"  # cause
    CANCELLED = "case.cancelled"
    WRITTEN_OFF = "case.written_off"
    STOPPED = "case.stopped"
    HANDED_OVER = "case.handed_over"
    CAMPAIGN = "case.campaign"  # another campaign in the same state: campaign, campaign_reason
    ADVICE = "case.advice"  # a stronger advice in the same state: advice, decline_code
    POLICY_MOVED = "case.policy_moved"  # from, policy
    ASSIGNED = "case.assigned"  # owner; none: it belongs to nobody any more
    PAID_AFTER_CLOSE = "case.paid_after_close"

    PROMISE_KEPT = "promise.kept"  # as all: promise_day, promise_until
    PROMISE_BROKEN = "promise.broken"

    CHANNEL_CLOSED = "channel.closed"  # channel, reason
    CHANNEL_OPENED = "channel.opened"  # channel

    SENT = "message.sent"  # as all: message, step, channel, template, reason, provider_id
    WITHHELD = "message.withheld"
    REFUSED = "message.refused"
    UNKNOWN = "message.unknown"
    SETTLED = "message.settled"  # what was unknown is known: status
    RELEASED = "message.released"  # certainly not taken by the vendor, to be tried again
    OVERTAKEN = "message.overtaken"
    SKIPPED = "message.skipped"
    ALERTED = "message.alerted"
    DEFERRED = "message.deferred"  # as all that vendors report: message, step, channel, code
    CANCELED = "message.canceled"
    UNDELIVERED = "message.undelivered"
    FAILED = "message.failed"
    DROPPED = "message.dropped"
    DELIVERED = "message.delivered"
    READ = "message.read"
    BOUNCED = "message.bounced"
    RESUBSCRIBED = "message.resubscribed"
    UNSUBSCRIBED = "message.unsubscribed"
    COMPLAINED = "message.complained"

    CHARGE_REQUESTED = "charge.requested"  # charge, purpose, transaction
    CHARGE_ANSWERED = "charge.answered"  # charge, purpose, status, decline_code, transaction
    PAYMENT_RECEIVED = "payment.received"  # amount, currency, source, left: what is owed then
    HELP_ASKED = "customer.asked_for_help"  # reply: the id of what was written
    SERVICE_ENDING = "service.ending"  # service, service_ends_at
    SERVICE_ENDED = "service.ended"  # service, service_ends_at
    SERVICE_KEPT = "service.kept"  # service: it was paid for before the end

    REVIEW_OPENED = "review.opened"  # review, round, reason, owner, deadline
    REVIEW_ROUND = "review.round"
    REVIEW_CHANGED = "review.changed"
    REVIEW_DECIDED = "review.decided"  # decision
    REVIEW_ENDED = "review.ended"

    NOTE_ADDED = "note.added"  # note, author

    ORDER_PAUSE = "order.pause"  # as all orders: author, note, request, and the order's own words
    ORDER_RESUME = "order.resume"
    ORDER_SKIP = "order.skip"
    ORDER_SEND_NOW = "order.send_now"
    ORDER_STOP = "order.stop"
    ORDER_EXTEND = "order.extend"
    ORDER_REPLAN = "order.replan"
    ORDER_MOVE = "order.move"
    ORDER_PROMISE = "order.promise"  # day, begins_at, ends_at
    ORDER_DECIDE = "order.decide"
    ORDER_REOPEN = "order.reopen"
    ORDER_ASSIGN = "order.assign"
    ORDER_RESOLVE = "order.resolve"  # message, sent: what a person found out of an unknown outcome
    ORDER_REFUSED = "order.refused"  # the order before it was not carried out: order, reason
