"""How would past cases have gone under two policies? The same cases through both, side by side.

Nothing is sent and nothing is stored. All cases of a customer are lived through together, for
budget and merging look at all of them; customers do not know each other, so two processes share
the work and the sums are the same however it is shared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from json import loads
from multiprocessing import get_context

from app.rehearsal.household import Book, Household
from app.rehearsal.tally import Tally
from dunning.policy import Policy, parse_policy
from store.past_cases import PastCase

Customer = tuple[PastCase, ...]
_PROCESSES = 2
_PART = 250
# Starting two processes takes about as long as this many cases.
_FEW = 1000


@dataclass(slots=True)
class Rehearsal:
    """What came of the cases under both policies; `moved` counts them by both campaigns."""

    customers: int = 0
    cases: int = 0
    old: Tally = field(default_factory=Tally)
    new: Tally = field(default_factory=Tally)
    moved: Counter[tuple[str | None, str | None]] = field(
        default_factory=Counter[tuple[str | None, str | None]]
    )

    def add(self, other: Rehearsal) -> None:
        """Count the other's cases as well."""
        self.customers += other.customers
        self.cases += other.cases
        self.old.add(other.old)
        self.new.add(other.new)
        self.moved.update(other.moved)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some customers; policies as text, since that is what travels to another process."""

    customers: tuple[Customer, ...]
    old: str
    new: str
    until: datetime


def rehearse(
    cases: Iterable[PastCase],
    old: Policy,
    new: Policy,
    until: datetime,
    *,
    done: Callable[[int], None] = lambda _: None,
) -> Rehearsal:
    """All cases under both policies, up to an instant; `done` hears how many more are through."""
    documents = old.model_dump_json(), new.model_dump_json()
    parts = [_Part(customers, *documents, until) for customers in _parts(_by_customer(cases))]
    summed = Rehearsal()
    for found in _results(parts):
        summed.add(found)
        done(found.cases)
    return summed


def _results(parts: Sequence[_Part]) -> Iterator[Rehearsal]:
    if sum(len(customer) for part in parts for customer in part.customers) <= _FEW:
        yield from map(_rehearse, parts)
        return
    # Not by fork: the caller may have threads.
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as processes:
        yield from processes.map(_rehearse, parts)


def _by_customer(cases: Iterable[PastCase]) -> Iterator[Customer]:
    def order(case: PastCase) -> tuple[str, datetime, str, int]:
        invoice = case.invoice
        return invoice.contact.customer_id, case.opened_at, invoice.id, case.cycle

    ordered = sorted(cases, key=order)
    for _, found in groupby(ordered, key=lambda case: case.invoice.contact.customer_id):
        yield tuple(found)


def _parts(customers: Iterable[Customer]) -> Iterator[tuple[Customer, ...]]:
    part: list[Customer] = []
    size = 0
    for customer in customers:
        part.append(customer)
        size += len(customer)
        if size >= _PART:
            yield tuple(part)
            part, size = [], 0
    if part:
        yield tuple(part)


def _rehearse(part: _Part) -> Rehearsal:
    old, new = _book(part.old), _book(part.new)
    found = Rehearsal()
    for customer in part.customers:
        before = Household.of(old, customer).live(part.until)
        same = before.same_under(new)
        after = before if same else Household.of(new, customer).live(part.until)
        found.customers += 1
        found.cases += len(customer)
        found.old.count(before)
        found.new.count(after)
        pairs = zip(before.lives, after.lives, strict=True)
        found.moved.update(
            (one.case.campaign, other.case.campaign)
            for one, other in pairs
            if one.facts or other.facts
        )
    return found


@lru_cache(maxsize=2)
def _book(document: str) -> Book:
    return Book.of(parse_policy(loads(document)))
