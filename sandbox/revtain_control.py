"""How does a test in the same process play Revtain and look into what it knows?"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from sandbox.revtain_card_pages import CardPages
from sandbox.revtain_ledger import Outcome, Transaction
from sandbox.revtain_webhooks import Delivery, Sending
from sandbox.world import SandboxWorld


class RevtainControl:
    """Revtain's side: its events, and what it knows about attempts, new cards and payments."""

    def __init__(self, world: SandboxWorld) -> None:
        self.webhooks = world.webhooks
        self.ledger = world.ledger
        self._world = world

    @property
    def attempts(self) -> list[Transaction]:
        """Every charge that was taken, the oldest first."""
        return self.ledger.transactions

    @property
    def pages(self) -> CardPages:
        """The hosted pages for new cards; not `active` is an account without the vault."""
        return self._world.card_pages

    def set_outcome(self, token: str, outcome: Outcome | str, decline_code: str = "") -> None:
        """What becomes of every charge of a card, and the code that a failure carries."""
        self.ledger.outcomes[token] = Outcome(outcome)
        if decline_code:
            self.ledger.decline_codes[token] = decline_code

    async def settle(self, transaction_id: str, outcome: Outcome | str) -> list[Delivery]:
        """What was queued or unknown has come to an end: record it and tell the merchant."""
        transaction = self.ledger.get(transaction_id)
        if transaction is None:
            raise KeyError(transaction_id)
        transaction.settle(Outcome(outcome), self._world.clock.now())
        return await self.webhooks.fire(transaction.event())

    @property
    def deliveries(self) -> list[Delivery]:
        return self.webhooks.deliveries

    def send_to(self, url: str, secret: str | None = None) -> None:
        self.webhooks.url = url
        self.webhooks.secret = secret or self.webhooks.secret

    async def fire(
        self,
        event: Mapping[str, JsonValue] | bytes,
        *,
        forge: bool = False,
        repeat: int = 1,
        hold: bool = False,
        redeliver: bool | None = None,
        signature: str | None = None,
    ) -> list[Delivery]:
        """Send an event to the merchant; returns when each copy was tried once, or is held."""
        sending = Sending(
            forge=forge, repeat=repeat, hold=hold, redeliver=redeliver, signature=signature
        )
        return await self.webhooks.fire(event, sending)

    async def release(self, order: Sequence[int] | None = None) -> list[Delivery]:
        return await self.webhooks.release(order)

    async def settled(self, within_s: float = 5.0) -> None:
        await self.webhooks.settled(within_s)
