"""The books, compared with the balances of the nodes to the last unit."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tests.chain_faults.placed import PlacedOrder, received
from tests.support.chains.nodes import regtest_address
from tests.support.chains.world import World

ASSETS: Final = ("eth", "usdt_erc20", "usdc_erc20", "ltc")
COINS: Final = {"eth": "Ethereum", "ltc": "Litecoin"}

SENT = "SELECT coalesce(sum(amount), 0) FROM outflows WHERE asset = %s AND settled_at IS NOT NULL"
FEES = """
SELECT coalesce(sum(fee_paid), 0) FROM (
  SELECT network, fee_paid FROM outflows
  UNION ALL SELECT network, fee_paid FROM voided_outflows
) AS paid WHERE network = %s
"""
NONCES = """
SELECT count(*) FROM (
  SELECT network FROM outflows UNION ALL SELECT network FROM voided_outflows
) AS signed WHERE network = 'Ethereum'
"""
DEPOSITS = """
SELECT coalesce(sum(d.amount), 0) FROM deposits d JOIN orders o ON o.id = d.order_id
WHERE o.id::text = ANY (%s) AND o.source = %s AND NOT d.dropped
"""
OPEN = """
SELECT count(*) FROM orders o WHERE o.id::text = ANY (%s) AND (
  o.state NOT IN ('completed', 'refunded', 'cancelled')
  OR EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id AND w.settled_at IS NULL)
  OR EXISTS (SELECT FROM voided_outflows v WHERE v.order_id = o.id AND v.closed_at IS NULL
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)))
"""
ON_HOLD = """
SELECT order_id, reason FROM outflow_attempts WHERE order_id::text = ANY (%s)
"""


class Books:
    """What the hot wallet and the pay-in addresses hold, and what the database says they do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_start = self._wallets_and_sent()
        self._nonces_at_start = self._nonces_without_outflow()

    def open_orders(self, orders: Sequence[PlacedOrder]) -> int:
        """Return how many orders are not in an end state, or have funds under way."""
        (row,) = self._world.sql(OPEN, _ids(orders))
        return int(row[0])

    def differences(self, orders: Sequence[PlacedOrder]) -> list[str]:
        """Return what differs between the books and the nodes; nothing may."""
        return [
            *self._differing("hot wallet", self._at_start, self._wallets_and_sent()),
            *self._differing("pay-in addresses", self._recorded(orders), self._held(orders)),
            *self._unbooked_transactions(),
            *(f"{row[0]} has ended, and waits: {row[1]}" for row in self._waiting(orders)),
            *(str(one) for one in self._world.differences()),
        ]

    def _waiting(self, orders: Sequence[PlacedOrder]) -> Sequence[tuple[object, ...]]:
        return self._world.sql(ON_HOLD, _ids(orders))

    def _differing(
        self, name: str, booked: Mapping[str, Decimal], on_node: Mapping[str, Decimal]
    ) -> Iterator[str]:
        for asset in ASSETS:
            if booked[asset] != on_node[asset]:
                yield f"{name}, {asset}: {booked[asset]} in the books, {on_node[asset]} on the node"

    def _unbooked_transactions(self) -> Iterator[str]:
        beyond = self._nonces_without_outflow() - self._nonces_at_start
        if beyond:
            yield f"hot wallet, eth: {beyond} transactions beyond those in the books"

    def _wallets_and_sent(self) -> Mapping[str, Decimal]:
        """Return what the hot wallet has and what the books say it spent: a constant sum."""
        return {asset: self._wallet(asset) + self._spent(asset) for asset in ASSETS}

    def _wallet(self, asset: str) -> Decimal:
        world = self._world
        if asset == "ltc":
            return Decimal(world.litecoind.call("getbalance", wallet="hot"))
        return received(world, asset, world.hot_address)

    def _spent(self, asset: str) -> Decimal:
        spent = Decimal(self._world.sql(SENT, asset)[0][0])
        if asset in COINS:
            spent += Decimal(self._world.sql(FEES, COINS[asset])[0][0])
        return spent

    def _nonces_without_outflow(self) -> int:
        world = self._world
        used = int(world.anvil.call("eth_getTransactionCount", world.hot_address, "latest"), 16)
        return used - int(world.sql(NONCES)[0][0])

    def _recorded(self, orders: Sequence[PlacedOrder]) -> Mapping[str, Decimal]:
        found = {asset: self._world.sql(DEPOSITS, _ids(orders), asset) for asset in ASSETS}
        return {asset: Decimal(rows[0][0]) for asset, rows in found.items()}

    def _held(self, orders: Sequence[PlacedOrder]) -> Mapping[str, Decimal]:
        addresses: dict[str, list[str]] = {asset: [] for asset in ASSETS}
        for order in orders:
            addresses[order.kind.source].append(order.swap.pay_in)
        on_evm = {
            asset: sum((received(self._world, asset, one) for one in found), Decimal(0))
            for asset, found in addresses.items()
            if asset != "ltc"
        }
        return {**on_evm, "ltc": self._unspent(addresses["ltc"])}

    def _unspent(self, addresses: Sequence[str]) -> Decimal:
        outputs = [f"addr({regtest_address(one)})" for one in addresses]
        return Decimal(self._world.litecoind.call("scantxoutset", "start", outputs)["total_amount"])


def _ids(orders: Sequence[PlacedOrder]) -> list[str]:
    return [order.swap.id for order in orders]
