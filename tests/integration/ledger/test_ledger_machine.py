"""The ledger against a plain model: whatever is done in whatever order, both have the same cents.

SWAPGATE_LEDGER_RUNS and SWAPGATE_LEDGER_STEPS make it longer (`make ledger`).
"""

import asyncio
import os
from collections.abc import Coroutine
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.actions.ledger.accrue_earnings import accrue_earnings
from domain.actions.ledger.mark_paid_out import mark_paid_out
from domain.actions.ledger.reset_earnings import reset_earnings
from domain.actions.orders.complete_payout import complete_payout
from domain.errors import InvalidCommand
from domain.partners.partner import Partner, PartnerChange
from gateway.runtime.market import LiveMarket
from persistence.postgres.partners.partners import change_partner
from persistence.postgres.reconciliation.differences import differences
from tests.conftest import DatabaseUrls
from tests.support.builders.ledger import USD, Books, opened_books
from tests.support.builders.records import stored_partner

T = TypeVar("T")

RUNS = int(os.environ.get("SWAPGATE_LEDGER_RUNS", "6"))
STEPS = int(os.environ.get("SWAPGATE_LEDGER_STEPS", "20"))
PARTS = range(os.cpu_count() or 1) if RUNS > 100 else range(1)
"""Long runs go on all cores, a database each."""
CENT = USD // 100


class Model(msgspec.Struct):
    """An account as one would keep it on paper: fractions of a dollar, rounded where it says so."""

    share_bps: int = 0
    earned: Fraction = Fraction(0)
    codes: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    taken: int = 0
    paid_in_cycle: int = 0
    references: dict[str, int] = {}
    waiting: list[tuple[int, int, int]] = []

    def earn(self, units: int, price: int, markup_bps: int, code: int | None) -> None:
        """Each share is rounded down to 10^-18 USD, as the ledger's amounts are."""
        value = units * price // 10**8
        markup = value * markup_bps // 10_000
        share = value * 50 // 10_000 * self.share_bps // 10_000
        self.earned += Fraction(markup + share, USD)
        if code is not None:
            sums = list(self.codes)
            sums[code] += Fraction(markup, USD)
            self.codes = (sums[0], sums[1])

    @property
    def balance(self) -> int:
        """What can be paid, in cents."""
        return int(self.earned * 100) - self.taken


class Ledger(RuleBasedStateMachine):
    """Its runs all write to one database, each for a partner of its own."""

    books: ClassVar[Books]
    runner: ClassVar[asyncio.Runner]
    partner: Partner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.partner = self.run(stored_partner(self.books.admin))
        self.codes = [self.run(self.books.code(self.partner)) for _ in range(2)]
        self.model = Model(references={}, waiting=[])

    @rule(
        units=st.integers(1, 10**8),
        price=st.integers(1, 10**23),
        markup_bps=st.integers(0, 2_000),
        code=st.sampled_from([None, 0, 1]),
    )
    def complete(self, *, units: int, price: int, markup_bps: int, code: int | None) -> None:
        self.books.knows({"BTC": price})
        order_id = self.run(self.due(units, markup_bps, code))
        self.run(complete_payout(self.books.ports, order_id, "tx"))
        self.model.earn(units, price, markup_bps, code)

    @rule(units=st.integers(1, 10**8), price=st.integers(1, 10**23))
    def complete_without_a_price_and_accrue(self, *, units: int, price: int) -> None:
        fresh = LiveMarket(sandbox=self.books.catalogue.sandbox)
        fresh.adopt_catalogue(self.books.catalogue)
        ports = msgspec.structs.replace(self.books.ports, market=fresh)
        self.run(complete_payout(ports, self.run(self.due(units, 100, None)), "tx"))
        self.books.knows({"BTC": price})
        assert self.run(accrue_earnings(self.books.ports)) == 1
        self.model.earn(units, price, 100, None)

    @rule(share_bps=st.integers(0, 10_000))
    def change_share(self, *, share_bps: int) -> None:
        change = PartnerChange(base_fee_share_bps=share_bps)
        self.run(change_partner(self.books.admin, self.partner.id, change))
        self.model.share_bps = share_bps

    @rule(reference=st.sampled_from("abcdefgh"), part=st.none() | st.integers(1, 100))
    def pay(self, *, reference: str, part: int | None) -> None:
        model = self.model
        before = model.references.get(reference)
        amount = None if part is None else max(model.balance * part // 100, 1)
        if before is not None:
            expected = before if amount in (None, before) else None
        else:
            owed = model.balance
            expected = (amount or owed) if owed > 0 and (amount or 0) <= owed else None
        work = mark_paid_out(
            self.books.ledger,
            self.partner.id,
            reference,
            amount=None if amount is None else amount * CENT,
        )
        if expected is None:
            with pytest.raises(InvalidCommand):
                self.run(work)
            return
        marked = self.run(work)
        assert (marked.payout.amount, marked.repeated) == (expected * CENT, before is not None)
        if before is None:
            model.references[reference] = expected
            model.taken += expected
            model.paid_in_cycle += expected

    @rule()
    def clear(self) -> None:
        model = self.model
        work = reset_earnings(self.books.ledger, self.partner.id)
        if model.balance + model.paid_in_cycle == 0:
            with pytest.raises(InvalidCommand):
                self.run(work)
            return
        assert self.run(work).amount == model.balance * CENT
        model.taken += model.balance
        model.paid_in_cycle = 0

    @invariant()
    @precondition(lambda self: hasattr(self, "model"))
    def agree(self) -> None:
        model = self.model
        account = self.run(self.books.earnings.earnings(self.partner.id))
        assert Fraction(account.markup + account.base_fee_share, USD) == model.earned
        assert Fraction(account.owed, USD) == model.earned - Fraction(model.taken, 100)
        assert account.balance == model.balance * CENT
        assert account.paid_in_cycle == model.paid_in_cycle * CENT
        assert account.accrued == (model.balance + model.paid_in_cycle) * CENT
        assert [Fraction(one.markup, USD) for one in account.codes] == list(model.codes)
        periods = self.run(self.books.earnings.periods(self.partner.id, limit=1_000))
        whole = sum(one.markup + one.base_fee_share for one in periods)
        assert whole == account.markup + account.base_fee_share
        taken = sum(one.end.amount for one in periods if one.end)
        assert taken == account.paid + account.reset

    async def due(self, units: int, markup_bps: int, code: int | None) -> Any:
        chosen = None if code is None else self.codes[code]
        return await self.books.due(
            self.partner, chosen, source_amount=units, markup_bps=markup_bps
        )


@pytest.mark.parametrize("part", PARTS)
def test_the_ledger_agrees_with_a_simple_model(database_urls: DatabaseUrls, part: int) -> None:
    with asyncio.Runner() as runner:
        opened = opened_books(database_urls)
        books = runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                type(f"Run{part}", (Ledger,), {"books": books, "runner": runner}),
                settings=settings(
                    max_examples=RUNS // len(PARTS),
                    stateful_step_count=STEPS,
                    derandomize=RUNS < 100,
                    suppress_health_check=list(HealthCheck),
                ),
            )

            async def reconciled() -> list[str]:
                return [one.what async for one in differences(books.admin, books.catalogue)]

            nothing_on_chains = {"deposits of an order", "missing outflow of an order"}
            assert set(runner.run(reconciled())) <= nothing_on_chains
        finally:
            runner.run(opened.__aexit__(None, None, None))
