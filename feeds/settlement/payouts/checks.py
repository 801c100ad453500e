"""What must be true before money leaves: the deposit is there, and the payout is not too high."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from domain.actions.orders.observe_deposit import unconfirm_deposits
from domain.chains.deposit_refunds import DepositRefund
from domain.chains.outflows import (
    NeedsApproval,
    OutflowDisabled,
    OutflowKind,
    SourceChainUnreliable,
)
from domain.chains.transfers import Transfer
from domain.orders.deposits import ObservedDeposit
from domain.orders.fair_value import pays_too_much
from domain.orders.order import Order
from domain.orders.states import RateType
from feeds.settlement.chains.interface import ProofUnavailable, WrongChain
from feeds.settlement.deposits.node_pair import NodeDisagreement
from feeds.settlement.deposits.watch import ChainWatch
from feeds.settlement.payouts.ports import PayoutPorts

IsConfirmed = Callable[[ChainWatch, Mapping[str, int]], Awaitable[bool]]

FIXED_TOLERANCE_BPS: Final = 500
"""How much more than the deposit's value a fixed rate may pay without the operator's approval."""

log: Final = structlog.get_logger()


class PayoutChecks:
    """Checks of one network's payouts and refunds; each raises Unavailable if it cannot be done."""

    def __init__(self, ports: PayoutPorts) -> None:
        self._ports = ports

    async def is_deposit_confirmed(self, order: Order) -> bool:
        """Return whether the nodes of its chain still report all of an order's deposit.

        The chain is halted if they disagree.
        """
        return await self._confirmed(
            order.source.network, lambda watch, required: watch.is_confirmed(order, required)
        )

    async def is_transfer_confirmed(self, refund: DepositRefund) -> bool:
        """Return whether the nodes still report a deposit that is to be sent back, likewise.

        An excess needs all the deposits of its order.
        """
        if refund.is_excess and refund.order_id is not None:
            stored = await self._ports.settlement.orders.read(refund.order_id)
            return stored is not None and await self.is_deposit_confirmed(stored.order)
        return await self._confirmed(
            refund.asset.network,
            lambda watch, required: watch.is_transfer_confirmed(
                ObservedDeposit(refund.tx_id, refund.received),
                address=refund.pay_in_address,
                asset=refund.asset.code,
                required=required,
            ),
        )

    async def _confirmed(self, network: str, is_confirmed: IsConfirmed) -> bool:
        watch = self._ports.watches.get(network)
        if watch is None:
            raise SourceChainUnreliable(f"no node of {network} is connected")
        if not await watch.is_reliable():
            raise SourceChainUnreliable(f"the nodes of {network} disagree")
        required = await self._ports.chains.required_confirmations(network)
        try:
            return await is_confirmed(watch, required)
        except ProofUnavailable as error:
            raise SourceChainUnreliable(str(error)) from error
        except (NodeDisagreement, WrongChain) as found:
            await watch.halt(found)
            raise SourceChainUnreliable(f"{network} is halted: {found}") from found

    async def unconfirm(self, order: Order) -> None:
        """Return an order to the state in which its deposit has to be confirmed."""
        log.warning("deposit must be confirmed again", order=str(order.id))
        tx_ids = {deposit.tx_id for deposit in order.deposits.counted}
        await unconfirm_deposits(self._ports.settlement, order.id, tx_ids)

    async def unconfirm_transfer(self, refund: DepositRefund) -> bool:
        """Have a deposit that is to be sent back confirmed again, or dropped.

        False if it is not recorded as one that no order can use.
        """
        ports, asset = self._ports, refund.asset
        log.warning("deposit must be confirmed again", proposal=str(refund.id))
        if refund.order_id is not None:
            stored = await ports.settlement.orders.read(refund.order_id)
            if stored is None:
                return False
            order = stored.order
            if order.source.code == asset.code and order.has_no_use_for(refund.tx_id):
                await unconfirm_deposits(ports.settlement, order.id, [refund.tx_id])
                return True
        transfer = Transfer(refund.tx_id, refund.pay_in_address, asset.code, refund.received)
        return await ports.chains.unconfirm_unclaimed(asset.network, transfer)

    async def require_fair_value(self, order: Order, kind: OutflowKind) -> None:
        """Raise Unavailable if a fixed rate pays far more than the deposit is worth now.

        Settlement prices float orders itself; a fixed rate was stored by the gateway.
        """
        if kind is OutflowKind.REFUND or order.rate_type is RateType.FLOAT:
            return
        snapshot = self._ports.settlement.market.snapshot()
        if not pays_too_much(order, snapshot, tolerance_bps=FIXED_TOLERANCE_BPS):
            return
        if not await self._ports.outflows.is_permitted(order.id):
            raise NeedsApproval(
                f"its fixed rate pays more than {FIXED_TOLERANCE_BPS / 100:g} % above the value of "
                f"the deposit at current prices: `swapgate outflow allow {order.id}` approves it"
            )

    async def require_enabled(self) -> None:
        """Raise OutflowDisabled if the operator has disabled outflows."""
        if not await self._ports.outflows.is_enabled():
            raise OutflowDisabled("outflow is off")
