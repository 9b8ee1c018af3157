"""How long does it take to run past cases through two policies?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import perf_counter

from app.policy_file import default_policy_text, read_policy
from app.rehearsal.rehearse import rehearse
from bench.past_cases import UNTIL, past_cases
from bench.rows import Row
from bench.servers import Servers
from bench.size import Size

_LONGEST_SECONDS = 30.0


async def rehearsal(_servers: Servers, size: Size) -> list[Row]:
    """The policy that ships, against one whose every step is placed anew."""
    old, _ = read_policy(default_policy_text())
    new = old.model_copy(update={"spacing": old.spacing + timedelta(hours=12)})
    cases = past_cases(size.past_cases)
    began = perf_counter()
    found = await asyncio.to_thread(rehearse, cases, old, new, UNTIL)
    took = perf_counter() - began
    return [
        Row(
            what=f"{found.cases:,} past cases under two policies",
            unit="s",
            ours=took,
            yardstick=None,
            bound="at most",
            limit=_LONGEST_SECONDS,
            absolute=True,
            note="two processes, every case lived through twice",
            figures={
                "customers": found.customers,
                "messages_old": found.old.sent.total(),
                "messages_new": found.new.sent.total(),
            },
        )
    ]
