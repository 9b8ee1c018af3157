"""How does what a merchant says of an invoice become rows?"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, text, update
from sqlalchemy.dialects.postgresql import insert

from dunning.channel import Channel
from dunning.directory import InvoiceStatus
from dunning.errors import RegistryError
from dunning.registration import check_invoice_id
from dunning.states import Cause
from dunning.suppression import Reason, Source
from store import cards, consents, invoices, payments, push_tokens, received
from store.digest import token_digest
from store.inbox import wake
from store.personal_data import Kind, columns
from store.suppressions import in_force, lift, tell_reach
from store.tables import CUSTOMERS, INVOICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dunning.directory import Invoice
    from dunning.registration import (
        CustomerRegistration,
        InvoiceRegistration,
        RevtainRegistration,
    )

_ELSEWHERE = frozenset({"customer", "revtain", "status"})
_OF_NO_COLUMN = frozenset({"id", "push_tokens", "sms_consent_proof"})
_OF_CONSENT = frozenset({"phone", "sms_consent_at"})
_FOR_NEW = ("amount_due", "currency")

# Taken before the row can exist, so that two first registrations do not meet half-way.
_LOCK_ID = text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 17))")
_REACHED = text("""
    SELECT id, email, phone, sms_consent_at, CAST(pg_current_xact_id() AS text) AS change
    FROM customers WHERE id = :id
""")
_REACHES = {"email": Channel.EMAIL, "phone": Channel.SMS, "sms_consent_at": Channel.SMS}
_ADDRESSES = frozenset({"email", "phone"})
_ADD_TRANSACTIONS = text("""
    INSERT INTO transactions (transaction_id, invoice_id, card_digest)
    SELECT DISTINCT value, CAST(:id AS text), CAST(:card AS text)
    FROM unnest(CAST(:references AS text[])) AS g (value) ORDER BY value
    ON CONFLICT DO NOTHING
""")
_FOREIGN_TRANSACTION = text("""
    SELECT transaction_id AS reference, invoice_id FROM transactions
    WHERE transaction_id = ANY (CAST(:references AS text[])) AND invoice_id <> :id
    ORDER BY transaction_id LIMIT 1
""")
_ADD_KEYS = text("""
    INSERT INTO idempotency_keys (key, invoice_id, card_digest)
    SELECT DISTINCT value, CAST(:id AS text), CAST(:card AS text)
    FROM unnest(CAST(:references AS text[])) AS g (value) ORDER BY value
    ON CONFLICT DO NOTHING
""")
_ERASED = text("SELECT erased_at FROM customers WHERE id = :id FOR NO KEY UPDATE")
_FOREIGN_KEY = text("""
    SELECT key AS reference, invoice_id FROM idempotency_keys
    WHERE key = ANY (CAST(:references AS text[])) AND invoice_id <> :id
    ORDER BY key LIMIT 1
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """The invoice afterwards; `changed` is true for a created one too."""

    invoice: Invoice
    created: bool
    changed: bool


async def put(
    connection: AsyncConnection, key: bytes, invoice_id: str, patch: InvoiceRegistration
) -> PutResult:
    """Create or change an invoice within the caller's transaction; `RegistryError` refuses."""
    await connection.execute(_LOCK_ID, {"id": _checked(invoice_id)})
    before = await invoices.lock(connection, invoice_id)
    _refuse(invoice_id, before, patch)
    await _refuse_erased(connection, before, patch)
    reached = await _reached(connection, before, patch.customer)
    changes = [
        await _put_customer(connection, before, patch.customer),
        await _put_devices(connection, key, before, patch.customer),
        await _put_consent(connection, key, before, patch.customer),
        await _put_fields(connection, invoice_id, before, patch),
        await _put_status(connection, invoice_id, patch.status),
        await _put_cover(connection, invoice_id, before),
    ]
    await _tell_reached(connection, key, reached, patch.customer)
    digest = await _put_card(connection, key, invoice_id, before, patch)
    if patch.revtain is not None:
        changes.append(await _put_references(connection, invoice_id, digest, patch.revtain))
    after = await invoices.read(connection, invoice_id)
    if after is None:
        raise AssertionError("an invoice that was just written is gone")
    return PutResult(invoice=after, created=before is None, changed=any(changes))


def _checked(invoice_id: str) -> str:
    try:
        return check_invoice_id(invoice_id)
    except ValueError as error:
        raise RegistryError(str(error), field="id") from None


def _refuse(invoice_id: str, before: Row[Any] | None, patch: InvoiceRegistration) -> None:
    if before is None:
        _refuse_incomplete(invoice_id, patch)
    elif before.status == InvoiceStatus.PAID:
        _refuse_other_amount(invoice_id, before, patch)
    elif before.paid_minor and patch.currency not in (None, before.currency):
        raise RegistryError(
            f"Invoice {invoice_id} is paid in part: its currency stays {before.currency}.",
            field="currency",
        )


def _refuse_incomplete(invoice_id: str, patch: InvoiceRegistration) -> None:
    missing = [name for name in _FOR_NEW if getattr(patch, name) is None]
    if patch.customer is None or patch.customer.id is None:
        missing.append("customer.id")
    if missing:
        raise RegistryError(
            f"Invoice {invoice_id} is not known yet: a new invoice needs {' and '.join(missing)}.",
            field=missing[0],
        )


def _refuse_other_amount(invoice_id: str, before: Row[Any], patch: InvoiceRegistration) -> None:
    for name in _FOR_NEW:
        value = getattr(patch, name)
        if value is not None and value != getattr(before, name):
            raise RegistryError(
                f"Invoice {invoice_id} is paid: its {name} stays {getattr(before, name)}. "
                "Register another debt as an invoice of its own.",
                field=name,
            )


async def _refuse_erased(
    connection: AsyncConnection, before: Row[Any] | None, patch: InvoiceRegistration
) -> None:
    """Nothing personal may come back of a customer who was erased, and none by mistake."""
    given = _personal(patch)
    customer_id = patch.customer and patch.customer.id
    customer_id = customer_id or (before.customer_id if before is not None else None)
    if not given or await connection.scalar(_ERASED, {"id": customer_id}) is None:
        return
    raise RegistryError(
        f"Customer {customer_id} was erased: {given[0]} is personal data and cannot be registered "
        "for them again. Leave it out, or register the customer under a new id.",
        field=given[0],
    )


def _personal(patch: InvoiceRegistration) -> list[str]:
    """The fields with personal data that the registration would fill."""
    personal = columns(Kind.PERSONAL)
    named = [name for name in sorted(personal["invoices"]) if getattr(patch, name)]
    about = [*sorted(personal["customers"]), "push_tokens", "sms_consent_proof"]
    return [f"customer.{n}" for n in about if getattr(patch.customer, n, None)] + named


async def _put_customer(
    connection: AsyncConnection, before: Row[Any] | None, customer: CustomerRegistration | None
) -> bool:
    if customer is None:
        return False
    values = customer.model_dump(include=set(customer.model_fields_set) - _OF_NO_COLUMN)
    if "tags" in values:
        values["tags"] = list(values["tags"] or ())
    customer_id = customer.id if before is None or customer.id else before.customer_id
    statement = insert(CUSTOMERS).values(id=customer_id, **values)
    if not values:
        return bool((await connection.execute(statement.on_conflict_do_nothing())).rowcount)
    statement = statement.on_conflict_do_update(
        index_elements=[CUSTOMERS.c.id],
        set_={**values, "updated_at": func.clock_timestamp()},
        where=or_(*(CUSTOMERS.c[name].is_distinct_from(value) for name, value in values.items())),
    )
    return bool((await connection.execute(statement)).rowcount)


async def _put_consent(
    connection: AsyncConnection,
    key: bytes,
    before: Row[Any] | None,
    customer: CustomerRegistration | None,
) -> bool:
    """The proof is for an instant of consent; alone it is about nothing."""
    if customer is None or not _OF_CONSENT & customer.model_fields_set:
        return False
    customer_id = customer.id if before is None or customer.id else before.customer_id
    proof = customer.sms_consent_proof
    return await consents.register(connection, key, str(customer_id), proof)


async def _put_devices(
    connection: AsyncConnection,
    key: bytes,
    before: Row[Any] | None,
    customer: CustomerRegistration | None,
) -> bool:
    """A customer whose devices were all dead can be notified again once there is a new one."""
    if customer is None or "push_tokens" not in customer.model_fields_set:
        return False
    customer_id = str(customer.id if before is None or customer.id else before.customer_id)
    changed = await push_tokens.replace(connection, customer_id, customer.push_tokens or ())
    if changed and customer.push_tokens:
        dead = (Reason.BAD_ADDRESS,)
        await lift(connection, key, Channel.PUSH, customer_id, by=Source.API, reasons=dead)
    return changed


async def _reached(
    connection: AsyncConnection, before: Row[Any] | None, customer: CustomerRegistration | None
) -> Row[Any] | None:
    """By what the customer is reached so far, if that may be about to change."""
    if customer is None or not _REACHES.keys() & customer.model_fields_set:
        return None
    customer_id = customer.id if before is None or customer.id else before.customer_id
    return (await connection.execute(_REACHED, {"id": customer_id})).one_or_none()


async def _tell_reached(
    connection: AsyncConnection,
    key: bytes,
    before: Row[Any] | None,
    customer: CustomerRegistration | None,
) -> None:
    """Open cases look for channels again when an address was mended, or a consent given (R7)."""
    if before is None or customer is None:
        return
    given = customer.model_dump(include=customer.model_fields_set & _REACHES.keys())
    changed = {_REACHES[name] for name, value in given.items() if value != getattr(before, name)}
    addresses = {Channel.EMAIL: before.email, Channel.SMS: before.phone}
    addresses |= {_REACHES[name]: given[name] for name in given.keys() & _ADDRESSES}
    for channel in sorted(changed):
        address = addresses[channel]
        held = None if address is None else await in_force(connection, key, channel, address)
        reason = None if held is None else held.reason
        await tell_reach(connection, channel, [before.id], f"registered {before.change}", reason)


async def _put_fields(
    connection: AsyncConnection,
    invoice_id: str,
    before: Row[Any] | None,
    patch: InvoiceRegistration,
) -> bool:
    values = patch.model_dump(include=set(patch.model_fields_set) - _ELSEWHERE)
    if await _names_a_rest(connection, invoice_id, before, patch):
        del values["amount_due"]
    if patch.customer is not None and patch.customer.id is not None:
        values["customer_id"] = patch.customer.id
    if before is None:
        link_id = secrets.token_urlsafe(9)
        await connection.execute(insert(INVOICES).values(id=invoice_id, link_id=link_id, **values))
        return True
    if not values:
        return False
    differs = or_(*(INVOICES.c[name].is_distinct_from(value) for name, value in values.items()))
    statement = update(INVOICES).where(INVOICES.c.id == invoice_id, differs)
    statement = statement.values(**values, updated_at=func.clock_timestamp())
    return bool((await connection.execute(statement)).rowcount)


async def _names_a_rest(
    connection: AsyncConnection,
    invoice_id: str,
    before: Row[Any] | None,
    patch: InvoiceRegistration,
) -> bool:
    """Whoever says what a payment has left must not have it taken off a second time."""
    if before is None or not before.paid_minor or patch.amount_due is None:
        return False
    return await received.was_left(connection, invoice_id, patch.amount_due)


async def _put_status(
    connection: AsyncConnection, invoice_id: str, status: InvoiceStatus | None
) -> bool:
    if status is InvoiceStatus.PAID:
        return await payments.pay(connection, invoice_id, Cause.PAID_ELSEWHERE, None)
    if status is InvoiceStatus.VOID:
        return await payments.void(connection, invoice_id, None)
    if status is InvoiceStatus.OPEN:
        return await payments.reopen(connection, invoice_id)
    return False


async def _put_cover(connection: AsyncConnection, invoice_id: str, before: Row[Any] | None) -> bool:
    """An amount that went down to what was paid already leaves nothing to be paid."""
    if before is None or not before.paid_minor:
        return False
    return await payments.pay_if_covered(connection, invoice_id)


async def _put_card(
    connection: AsyncConnection,
    key: bytes,
    invoice_id: str,
    before: Row[Any] | None,
    patch: InvoiceRegistration,
) -> str | None:
    known = None if before is None else before.payment_method_token
    given = "payment_method_token" in patch.model_fields_set
    token = patch.payment_method_token if given else known
    if token is None:
        return None
    digest = token_digest(key, token)
    if token != known:
        await cards.add(connection, invoice_id, digest)
        await wake(connection, card_digests=[digest])
    return digest


async def _put_references(
    connection: AsyncConnection,
    invoice_id: str,
    digest: str | None,
    references: RevtainRegistration,
) -> bool:
    transactions, keys = references.transaction_ids, references.idempotency_keys
    grown = [
        await _grow(connection, _ADD_TRANSACTIONS, invoice_id, digest, transactions),
        await _grow(connection, _ADD_KEYS, invoice_id, digest, keys),
    ]
    await _refuse_foreign(connection, _FOREIGN_TRANSACTION, invoice_id, transactions)
    await _refuse_foreign(connection, _FOREIGN_KEY, invoice_id, keys)
    await wake(connection, transaction_ids=transactions, keys=keys)
    return any(grown)


async def _grow(
    connection: AsyncConnection,
    statement: TextClause,
    invoice_id: str,
    digest: str | None,
    references: Sequence[str],
) -> bool:
    if not references:
        return False
    values = {"id": invoice_id, "card": digest, "references": list(references)}
    return bool((await connection.execute(statement, values)).rowcount)


async def _refuse_foreign(
    connection: AsyncConnection, statement: TextClause, invoice_id: str, references: Sequence[str]
) -> None:
    if not references:
        return
    values = {"id": invoice_id, "references": list(references)}
    taken = (await connection.execute(statement, values)).one_or_none()
    if taken is None:
        return
    of_keys = statement is _FOREIGN_KEY
    raise RegistryError(
        f"{'Idempotency key' if of_keys else 'Transaction'} {taken.reference} belongs to invoice "
        f"{taken.invoice_id}: it cannot belong to invoice {invoice_id} as well.",
        field="revtain.idempotency_keys" if of_keys else "revtain.transaction_ids",
    )
