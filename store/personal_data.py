"""Which columns hold personal data, and why may the others stay when a customer is erased?

Every column that can hold a text stands here once; a test walks over all tables.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a column says of a person."""

    # Who somebody is, how to reach them, what was said to them or by them: erased.
    PERSONAL = "personal"
    # Ids, random names and keyed digests, which lead to a person only together with what is
    # erased, or with the merchant's own books: kept, so that books and opt-outs stay true.
    REFERENCE = "reference"
    # People who work for the merchant.
    STAFF = "staff"
    # Words of our own, of the policy or of a vendor's list of codes.
    PLAIN = "plain"


_PERSONAL = {
    "customers": "name email phone locale timezone country sms_consent_at tags value_tier",
    "push_tokens": "token",
    "invoices": "description payment_url payment_method_token",
    "events": "body",
    "letters": "recipient subject body",
    "consents": "proof",
    "replies": "body",
    "notes": "text",
    "recoveries": "card_country card_prefix fallback_tokens",
}
_REFERENCE = {
    "customers": "id",
    "push_tokens": "customer_id",
    "invoices": "id customer_id link_id",
    "cards": "invoice_id digest",
    "transactions": "transaction_id invoice_id card_digest",
    "idempotency_keys": "key invoice_id card_digest transaction_id",
    "recoveries": "key invoice_id request_id transaction_id",
    "charges": "key invoice_id card_digest transaction_id",
    "events": "digest transaction_id idempotency_key old_card invoice_id",
    "cases": "invoice_id workflow_id",
    "messages": "id provider_id body_digest merged_into address_digest",
    "letters": "message_id",
    "suppressions": "address_digest",
    "consents": "customer_id address_digest",
    "replies": "vendor_id address_digest customer_id",
    "reports": "message_id",
    # Digests, ids and instants of a case; in places who of the staff acted. Append-only.
    "audit": "detail previous hash",
    "audit_heads": "hash",
    "outgoing": "webhook_id",
    "directory_faults": "invoice_id",
    "payments": "invoice_id reference",
    "hosted_links": "invoice_id",
    "sweeps": "place",
    # An invoice, an event or a message, and what happened to it.
    "alerts": "subject detail identity",
}
_STAFF = {
    "cases": "owner",
    "suppressions": "lifted_by",
    "replies": "handled_by",
    "reviews": "owner",
    "notes": "author",
    "policy_versions": "author note",
    "api_keys": "name digest",
    "channel_pauses": "cleared_by",
}
_PLAIN = {
    "invoices": "currency status billing_period plan paid_cause received_currency",
    "events": "source name status note",
    "cases": "state outcome cause campaign campaign_reason advice decline_code policy_digest"
    " next_step review_reason closed_channels promise_status promise_day"
    " service service_status",
    "transactions": "answer",
    "idempotency_keys": "answer",
    "charges": "purpose currency decline_code status outcome answered_code advice reason",
    "recoveries": "decline_code gateway simulate status answered_code reason",
    "messages": "step channel template status reason delivery delivery_code",
    "suppressions": "channel reason scope source",
    "consents": "channel kind source",
    "replies": "channel meaning",
    "reports": "status code",
    "reviews": "reason decision",
    "policies": "digest document",
    "policy_versions": "digest",
    "api_keys": "scopes",
    "audit": "kind",
    "endpoints": "id url kinds note salt earlier_salts disabled_why",
    "outgoing": "endpoint_id kind status last_fault",
    "alerts": "kind owed",
    "channel_pauses": "channel reason",
    "directory_faults": "directory reason",
    "payments": "currency source",
    "sweeps": "name",
}


def columns(kind: Kind) -> Mapping[str, frozenset[str]]:
    """The columns of a kind, by table."""
    return {table: frozenset(names.split()) for table, names in _COLUMNS[kind].items()}


_COLUMNS: Mapping[Kind, Mapping[str, str]] = {
    Kind.PERSONAL: _PERSONAL,
    Kind.REFERENCE: _REFERENCE,
    Kind.STAFF: _STAFF,
    Kind.PLAIN: _PLAIN,
}
