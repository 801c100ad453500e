"""Records transfers to pay-in addresses in the orders that these are assigned to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog

from domain.actions.orders.observe_deposit import observe_deposit
from domain.chains.transfers import ExpectedDeposit, Transfer
from domain.errors import Unavailable
from domain.orders.deposits import ObservedDeposit
from feeds.settlement.deposits.ports import WatchPorts

log: Final = structlog.get_logger()


class DepositRecorder:
    """The deposits of one network."""

    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports

    async def expected(self, transfers: Sequence[Transfer]) -> Mapping[str, ExpectedDeposit]:
        """Return the orders that the transfers' addresses are assigned to, by address."""
        addresses = {transfer.address for transfer in transfers}
        if not addresses:
            return {}
        return await self._ports.chains.expected_deposits(self._ports.network, addresses)

    async def record(
        self, transfer: Transfer, expected: ExpectedDeposit, *, since: datetime | None
    ) -> None:
        """Record a deposit in its order; what an order cannot use is for the operator.

        It counts from `since`, what its chain states; None for now. An address that is free again
        is first returned to the order that had it last. Raises Unavailable if another order got it
        at this moment: to be retried.
        """
        if expected.is_released:
            network = self._ports.network
            if not await self._ports.chains.return_address(network, transfer.address):
                raise Unavailable(f"the address of order {expected.order_id} has been reused")
            log.warning("address returned to its order", order=str(expected.order_id))
        if not await self._is_observed(transfer, expected, since):
            log.warning("unclaimed deposit", order=str(expected.order_id), asset=transfer.asset)
            await self._ports.chains.add_unclaimed(self._ports.network, transfer, expected.order_id)

    async def _is_observed(
        self, transfer: Transfer, expected: ExpectedDeposit, since: datetime | None
    ) -> bool:
        """Record a deposit; return False for what its order cannot use.

        That is another asset, too small an amount, what may be meant for an earlier order of the
        address, and all that a retired one receives. What was once recorded as such stays with the
        operator.
        """
        if expected.order_id is None or expected.asset != transfer.asset:
            return False
        is_reused = expected.earlier_amounts is not None
        if is_reused and await self._ports.chains.is_unclaimed(self._ports.network, transfer):
            return False
        deposit = ObservedDeposit(transfer.tx_id, transfer.amount)
        order = await observe_deposit(
            self._ports.settlement,
            expected.order_id,
            deposit,
            since=since,
            earlier_amounts=expected.earlier_amounts,
        )
        return order.deposits.knows(transfer.tx_id)
