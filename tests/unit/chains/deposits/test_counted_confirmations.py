"""Settlement counts the confirmations of deposits, and writes what differs, once a round."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest

from domain.actions.orders.ports import SettlementPorts, VersionedOrder
from domain.chains.transfers import ObservedTransfer
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.ports import WatchPorts
from tests.support.builders.order_states import NOW, new_order

REQUIRED = 3


class OneOrder:
    """Chains, nodes and orders with one order, whose deposit is in a block of some height."""

    def __init__(self, order: Order, height: int | None) -> None:
        self.order = order
        self.height = height
        self.written: list[Mapping[tuple[UUID, str], int]] = []

    async def required_confirmations(self, _: str) -> Mapping[str, int]:
        return {self.order.source.code: REQUIRED}

    async def unconfirmed_orders(self, _: str) -> Sequence[UUID]:
        return [self.order.id]

    async def unconfirmed_unclaimed(self, _: str) -> Sequence[object]:
        return []

    async def read(self, _: UUID) -> VersionedOrder:
        return VersionedOrder(self.order, 1)

    async def agreed(self, _: str, **__: str) -> ObservedTransfer:
        return ObservedTransfer(self.height, 1)

    async def record_confirmations(self, counted: Mapping[tuple[UUID, str], int]) -> None:
        self.written.append(counted)


def paid(confirmations: int) -> Order:
    order = new_order().deposit_seen(ObservedDeposit("tx", 10**9), at=NOW)
    (deposit,) = order.deposits.all
    counted = msgspec.structs.replace(deposit, confirmations=confirmations)
    return msgspec.structs.replace(order, deposits=type(order.deposits)((counted,)))


@pytest.mark.parametrize(
    ("stored", "height", "written"),
    [(0, None, None), (0, 100, 1), (1, 100, None), (1, 99, 2), (2, 100, 1), (1, None, 0)],
)
async def test_only_a_number_that_differs_is_written(
    stored: int, height: int | None, written: int | None
) -> None:
    world = OneOrder(paid(stored), height)
    settlement = SettlementPorts(
        clock=cast("Any", None), market=cast("Any", None), orders=cast("Any", world), new_id=uuid4
    )
    ports = WatchPorts(
        network="Bitcoin",
        nodes=cast("Any", world),
        settlement=settlement,
        chains=cast("Any", world),
        drop_after=timedelta(hours=1),
    )
    confirmations = DepositConfirmations(ports)
    confirmations._unclaimed = cast("Any", NothingUnclaimed())
    await confirmations.check(100)
    expected = [] if written is None else [{(world.order.id, "tx"): written}]
    assert world.written == expected


class NothingUnclaimed:
    """No deposits without an order."""

    async def check(self, *_: object) -> None:
        """Do nothing."""
