"""By which addresses is a customer reached?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from dunning.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.database import Database

_GET = text("""
    SELECT email, phone, EXISTS (
        SELECT FROM push_tokens WHERE push_tokens.customer_id = customers.id) AS has_devices
    FROM customers WHERE id = :id
""")
_WHO = {
    Channel.EMAIL: text(
        "SELECT id FROM customers WHERE lower(btrim(email)) = lower(btrim(:address)) ORDER BY id"
    ),
    Channel.SMS: text("SELECT id FROM customers WHERE phone = btrim(:address) ORDER BY id"),
    Channel.PUSH: text("SELECT id FROM customers WHERE id = :address"),
}


class Contacts:
    """The addresses of customers, as registered now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def addresses(self, customer_id: str) -> Mapping[Channel, str] | None:
        """The address of each channel; for push the customer's id. None for an unknown customer."""
        async with self._database.single() as connection:
            found = (await connection.execute(_GET, {"id": customer_id})).one_or_none()
        if found is None:
            return None
        given = {
            Channel.EMAIL: found.email,
            Channel.SMS: found.phone,
            Channel.PUSH: customer_id if found.has_devices else None,
        }
        return {channel: address for channel, address in given.items() if address is not None}

    async def customers(self, channel: Channel, address: str) -> list[str]:
        """Ids of all customers with the address."""
        async with self._database.single() as connection:
            return list(await connection.scalars(_WHO[channel], {"address": address}))
