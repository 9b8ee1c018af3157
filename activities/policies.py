"""Under which version of the policy does a case run, and what does that version say?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from dunning.policy import Policy, parse_policy
from store.policies import Policies as Kept


@dataclass(slots=True)
class Policies:
    """The version that new cases begin under, and every version that a running case needs.

    `current` is that of the file; it counts until one is published.
    """

    kept: Kept
    current: Policy
    _by_digest: dict[str, Policy] = field(default_factory=dict[str, Policy])
    _digest: tuple[Policy, str] | None = None

    async def pin(self, digest: str | None) -> tuple[str, Policy]:
        """The version of a case that has one, else the one in force, kept for good."""
        digest = digest or await self.kept.current()
        if digest is not None:
            return digest, await self.get(digest)
        digest = self._digest_of(self.current)
        if digest not in self._by_digest:
            await self.kept.keep(digest, self.current.model_dump_json())
            self._by_digest[digest] = self.current
        return digest, self.current

    async def get(self, digest: str) -> Policy:
        """The version of that digest."""
        if digest not in self._by_digest:
            document = await self.kept.get(digest)
            self._by_digest[digest] = parse_policy(json.loads(document or "{}"))
        return self._by_digest[digest]

    def _digest_of(self, policy: Policy) -> str:
        """Taken over the whole document, so once a policy and not once a case."""
        if self._digest is None or self._digest[0] is not policy:
            self._digest = policy, policy.digest
        return self._digest[1]
