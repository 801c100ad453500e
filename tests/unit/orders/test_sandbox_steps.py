"""Steps of the sandbox are performed by the actions of settlement, once and in order."""

import asyncio
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.actions.orders.ports import VersionedOrder
from domain.actions.sandbox.ports import RequestedStep, SandboxRequestPorts, StepResult
from domain.actions.sandbox.request_step import request_step
from domain.actions.sandbox.run_steps import run_steps
from domain.actions.sandbox.simulate import SandboxPorts
from domain.actions.sandbox.steps import (
    AdvanceStep,
    ConfirmStep,
    DepositStep,
    ExpireStep,
    PayoutStep,
    Step,
)
from domain.errors import InvalidRequest, NotFound, Unavailable
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME, Order
from domain.orders.states import State, Status
from domain.reasons import Reason
from feeds.settlement.sandbox import unconfirmed_deposits
from tests.support.builders.order_states import NOW, new_order

PARTNER = UUID(int=1)


class Sandbox:
    """One order, its queue of steps, and settlement: it runs whenever the gateway waits."""

    def __init__(self) -> None:
        self.order = new_order(partner_id=PARTNER)
        self.queue: list[RequestedStep] = []
        self.results: dict[UUID, StepResult] = {}
        self.clock = SimpleNamespace(now=lambda: NOW + timedelta(seconds=1))
        self.runs = True
        settlement = SimpleNamespace(
            clock=self.clock,
            orders=self,
            new_id=uuid4,
            market=SimpleNamespace(
                snapshot=lambda: None,
                catalogue=SimpleNamespace(bounds=lambda *_: None, fixed_rate_terms=None),
            ),
            public_url="",
        )
        self.ports = SandboxPorts(
            settlement=cast("Any", settlement),
            new_tx_id=lambda: uuid4().hex,
            unconfirmed=unconfirmed_deposits,
            advance=self._advance,
        )

    async def _advance(self, _: UUID, seconds: int) -> None:
        expires_at = self.order.expires_at - timedelta(seconds=seconds)
        self.order = msgspec.structs.replace(self.order, expires_at=expires_at)

    async def read(self, order_id: UUID) -> VersionedOrder | None:
        return VersionedOrder(self.order, 1) if order_id == self.order.id else None

    async def save(self, order: Order, **_: object) -> bool:
        self.order = order
        return True

    async def base_fee_share_bps(self, _: UUID) -> int:
        return 0

    async def find(self, order_id: UUID, _: UUID) -> tuple[Order, bytes] | None:
        return (self.order, b"") if order_id == self.order.id else None

    async def add(
        self, request_id: UUID, partner_id: UUID, order_id: UUID, step: Step, *, at: datetime
    ) -> bool:
        assert at == self.clock.now()
        if (order_id, partner_id) != (self.order.id, PARTNER):
            return False
        self.queue.append(RequestedStep(request_id, order_id, step))
        return True

    async def result(self, request_id: UUID) -> StepResult | None:
        return self.results.get(request_id)

    async def take(self, *, at: datetime) -> RequestedStep | None:
        assert at == self.clock.now()
        return self.queue.pop(0) if self.queue else None

    async def finish(self, request_id: UUID, result: StepResult, *, at: datetime) -> None:
        assert at == self.clock.now()
        stored = msgspec.json.encode(result)
        self.results[request_id] = msgspec.json.decode(stored, type=StepResult)

    async def pause(self, _: float) -> None:
        if self.runs:
            await run_steps(self.ports, cast("Any", self))

    def perform(self, step: Step, *, partner_id: UUID = PARTNER, order_id: str = "") -> Order:
        ports = SandboxRequestPorts(
            clock=cast("Any", self.clock),
            requests=cast("Any", self),
            orders=cast("Any", self),
            webhooks=cast("Any", None),
            new_id=uuid4,
            pause=self.pause,
        )
        requested = request_step(
            ports, partner_id=partner_id, order_id=order_id or str(self.order.id), step=step
        )
        return asyncio.run(requested)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


def test_a_deposit_is_of_what_is_missing_unless_an_amount_is_named(sandbox: Sandbox) -> None:
    assert sandbox.perform(DepositStep("25.00")).deposits.total == 2_500
    assert sandbox.perform(DepositStep()).deposits.total == 10_000
    assert sandbox.perform(DepositStep()).deposits.total == 20_000
    assert sandbox.order.status is Status.PENDING


def test_a_late_deposit_ends_the_time_to_pay_first(sandbox: Sandbox) -> None:
    order = sandbox.perform(DepositStep(late=True))
    assert (order.state, len(order.deposits.all)) == (State.EXPIRED, 1)


def test_a_clock_is_advanced_up_to_expiry_and_beyond(sandbox: Sandbox) -> None:
    order = sandbox.perform(AdvanceStep(600))
    assert (order.status, order.expires_at) == (Status.NEW, NOW + LIFETIME - timedelta(minutes=10))
    assert sandbox.perform(AdvanceStep(7 * 24 * 3600)).status is Status.EXPIRED


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_clock_is_advanced_within_bounds(sandbox: Sandbox, seconds: int) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        sandbox.perform(AdvanceStep(seconds))
    assert (rejected.value.field, rejected.value.reason) == ("seconds", Reason.RANGE)
    assert sandbox.order.expires_at == NOW + LIFETIME


@pytest.mark.parametrize(
    ("amount", "reason"),
    [("0", Reason.RANGE), ("1.001", Reason.PRECISION), ("1e2", Reason.FORMAT)],
)
def test_the_facts_of_an_error_reach_the_gateway(
    sandbox: Sandbox, amount: str, reason: Reason
) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        sandbox.perform(DepositStep(amount))
    assert (rejected.value.field, rejected.value.reason) == ("amount", reason)


@pytest.mark.parametrize("step", [ConfirmStep(), ExpireStep()], ids=["confirm", "expire"])
def test_a_step_that_the_state_does_not_allow_is_a_bad_request(
    sandbox: Sandbox, step: Step
) -> None:
    sandbox.order = new_order(partner_id=PARTNER).expired(at=NOW)
    with pytest.raises(InvalidRequest) as rejected:
        sandbox.perform(step)
    assert (rejected.value.field, rejected.value.reason) == ("id", Reason.STATE)


def test_orders_of_others_and_texts_that_are_no_id_are_not_found(sandbox: Sandbox) -> None:
    for partner_id, order_id in ((uuid4(), ""), (PARTNER, "order"), (PARTNER, str(uuid4()))):
        with pytest.raises(NotFound):
            sandbox.perform(ExpireStep(), partner_id=partner_id, order_id=order_id)
    assert sandbox.order.status is Status.NEW


def test_without_settlement_the_caller_is_told_so(sandbox: Sandbox) -> None:
    sandbox.runs = False
    with pytest.raises(Unavailable):
        sandbox.perform(ExpireStep())


def test_a_step_that_fails_unexpectedly_stops_no_other(sandbox: Sandbox) -> None:
    order_id = sandbox.order.id
    broken = cast("Step", SimpleNamespace())
    sandbox.queue = [RequestedStep(uuid4(), order_id, step) for step in (broken, DepositStep())]
    with pytest.raises(AssertionError):
        asyncio.run(run_steps(sandbox.ports, cast("Any", sandbox)))
    assert asyncio.run(run_steps(sandbox.ports, cast("Any", sandbox))) == 1
    assert sandbox.order.status is Status.PENDING


def test_the_payout_of_an_order_that_is_not_confirmed_is_a_bad_request(sandbox: Sandbox) -> None:
    sandbox.ports.settlement.market.newest_snapshot = lambda: None  # type: ignore[method-assign]
    sandbox.order = sandbox.order.deposit_seen(ObservedDeposit("tx", 10_000), at=NOW)
    with pytest.raises(InvalidRequest) as rejected:
        sandbox.perform(PayoutStep())
    assert rejected.value.reason is Reason.STATE
