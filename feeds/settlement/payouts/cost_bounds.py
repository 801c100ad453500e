"""How much the transaction of an order may cost, compared with what the order was charged."""

from uuid import UUID

from domain.chains.deposit_refunds import DepositRefund
from domain.chains.outflows import Outflow, OutflowKind
from domain.market.rates import RateSnapshot
from domain.market.valuation import usd_value
from domain.money import format_units, power_of_ten, quantize_down
from domain.orders.order import Order
from feeds.settlement.payouts.ports import PayoutPorts


class CostBounds:
    """The bounds of one network's transactions. All methods raise Unavailable without prices."""

    def __init__(self, ports: PayoutPorts) -> None:
        self._ports = ports

    async def max_cost(self, order: Order, kind: OutflowKind) -> int:
        """Return the most that an order's transaction may cost, in units of the network's coin.

        The operator can raise the bound of a single order.
        """
        snapshot = self._ports.settlement.market.snapshot()
        return await self._max_cost(order.id, _charged_usd(order, kind, snapshot))

    async def max_cost_of_refund(self, refund: DepositRefund) -> int:
        """Return the most that the transaction of a deposit's refund may cost, likewise."""
        asset, snapshot = refund.asset, self._ports.settlement.market.snapshot()
        charged = usd_value(asset.network_fee, snapshot.price(asset.coin), asset).usd()
        return await self._max_cost(refund.id, charged)

    async def _max_cost(self, outflow_id: UUID, charged_usd: int) -> int:
        ports, snapshot = self._ports, self._ports.settlement.market.snapshot()
        usd = max(
            charged_usd * ports.cost_limits.multiple,
            ports.cost_limits.min_usd,
            await ports.outflows.cost_bound(outflow_id),
        )
        coin = ports.wallet.coin
        return quantize_down(usd * power_of_ten(coin.decimals), snapshot.price(coin.name))

    def counted_usd(self, draft: Outflow, *, max_cost: int) -> int:
        """Return what counts towards the day's cap, in 10^-18 USD: value and maximum fee."""
        snapshot = self._ports.settlement.market.snapshot()
        value = usd_value(draft.amount, snapshot.price(draft.asset.coin), draft.asset).usd()
        return value + self._worth(max_cost, snapshot)

    def paid_usd(self, cost: int) -> int | None:
        """Return what a cost is worth at the last known prices, in 10^-18 USD; None without any."""
        snapshot = self._ports.settlement.market.newest_snapshot()
        if snapshot is None or self._ports.wallet.coin.name not in snapshot.prices:
            return None
        return self._worth(cost, snapshot)

    def _worth(self, cost: int, snapshot: RateSnapshot) -> int:
        """Return the value of an amount of the network's coin, in 10^-18 USD."""
        coin = self._ports.wallet.coin
        return quantize_down(cost * snapshot.price(coin.name), power_of_ten(coin.decimals))

    def in_coins(self, cost: int) -> str:
        """Return an amount of the network's coin in whole coins, as it is stored."""
        return format_units(cost, self._ports.wallet.coin.decimals)


def _charged_usd(order: Order, kind: OutflowKind, snapshot: RateSnapshot) -> int:
    """Return the network fee that was charged for a payout, or is deducted from a refund."""
    if kind is OutflowKind.PAYOUT:
        asset, fee = order.destination, order.network_fee
    else:
        asset, fee = order.source, order.source.network_fee
    return usd_value(fee, snapshot.price(asset.coin), asset).usd()
