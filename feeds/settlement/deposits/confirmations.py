"""Confirms the deposits of orders, and drops those that are no longer on their chain."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from domain.actions.orders.observe_deposit import confirm_deposits, drop_deposits
from domain.errors import InvalidTransition, Unavailable
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State
from feeds.settlement.deposits.missing import MissingTransfers
from feeds.settlement.deposits.ports import WatchPorts
from feeds.settlement.deposits.unclaimed import UnclaimedConfirmations

if TYPE_CHECKING:
    from uuid import UUID

log = structlog.get_logger()


class DepositConfirmations:
    """The unconfirmed deposits of a network."""

    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports
        self._missing = MissingTransfers(
            ports.nodes, drop_after=ports.drop_after, monotonic=ports.monotonic
        )
        self._counted: dict[tuple[UUID, str], int] = {}
        """The confirmations of this round that differ from those that are stored."""
        self._unclaimed = UnclaimedConfirmations(ports, self._missing)

    async def check(self, height: int) -> str | None:
        """Count the confirmations of all unconfirmed deposits at a height of the chain.

        Returns what a node could not prove, if anything: such a deposit waits, and is not dropped.
        """
        self._missing.unproven = None
        chains, network = self._ports.chains, self._ports.network
        required = await chains.required_confirmations(network)
        self._counted = {}
        for order_id in await chains.unconfirmed_orders(network):
            stored = await self._ports.settlement.orders.read(order_id)
            if stored is not None:
                await self._check_order(stored.order, height, required)
        if self._counted:
            await chains.record_confirmations(self._counted)
        await self._unclaimed.check(height, required)
        return self._missing.unproven

    async def _check_order(self, order: Order, height: int, required: Mapping[str, int]) -> None:
        settlement = self._ports.settlement
        confirmed: list[ObservedDeposit] = []
        dropped: list[str] = []
        address, asset = order.pay_in_address, order.source.code
        for deposit in order.deposits.unconfirmed:
            observed, is_dropped = await self._missing.look_up(
                deposit.tx_id, address=address, asset=asset
            )
            if is_dropped:
                dropped.append(deposit.tx_id)
            elif observed is not None and observed.is_deep(required[asset], at=height):
                confirmed.append(ObservedDeposit(deposit.tx_id, observed.amount))
            elif observed is not None:
                number = observed.confirmations(at=height)
                if number != deposit.confirmations:
                    self._counted[order.id, deposit.tx_id] = number
        if dropped:
            log.warning("deposit dropped", order=str(order.id), tx_ids=dropped)
            order = await drop_deposits(settlement, order.id, dropped)
        if order.state is State.CONFIRMING and order.deposits.settled:
            confirmed = [ObservedDeposit(one.tx_id, one.amount) for one in order.deposits.counted]
        if confirmed:
            with suppress(InvalidTransition, Unavailable):  # without rates a deposit waits
                await confirm_deposits(settlement, order.id, confirmed)
