"""Customers: they open orders, pay them in every wrong way, replace, choose and delete."""

import hashlib
from collections.abc import Coroutine
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec
from bip_utils import Base58Encoder

from domain.actions.orders.delete_order import delete_order
from domain.actions.orders.open_order import OrderRequest, open_order
from domain.actions.orders.ports import OrderPorts
from domain.actions.orders.quote import SwapRequest
from domain.actions.orders.resolve_emergency import choose_resolution
from domain.assets import Asset
from domain.chains.networks.evm import checksummed
from domain.errors import DomainError
from domain.market.pricing import Direction
from domain.money import format_units
from domain.orders.order import Order
from domain.orders.states import RateType
from tests.simulation.chains.account_chain import AccountChain, Behavior
from tests.simulation.chains.chain import Chain, Tx
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.world.scheduling import Process

PARTNER: Final = UUID("00000000-0000-0000-0000-000000000001")
CODES: Final = ("eth", "usdt_erc20", "ltc")
LITECOIN_KEY_VERSION: Final = b"\x30"
HOSTILE: Final = 0.2
"""How many recipients on the chain of accounts are hostile, or are not paid by a token."""
BARELY: Final = 0.05
"""How many payments leave a dust limit of their refund, or a unit more or less."""
INTERNAL: Final = 0.25
"""How many payments of the coin of accounts a contract makes."""
BATCHED: Final = 0.3
"""How many of these pay a second address too."""
CLOSED: Final = ("paying_out", "completed", "refunding", "refunded", "cancelled")
UNDECIDED: Final = ("held", "refunding", "paying_out")


def address_on(network: str, name: str) -> str:
    """Return the address of a name: always the same."""
    digest = hashlib.sha256(f"{network} {name}".encode()).digest()[:20]
    if network == ACCOUNTS:
        return checksummed("0x" + digest.hex())
    encoded: str = Base58Encoder.CheckEncode(LITECOIN_KEY_VERSION + digest)
    return encoded


class CustomerOrder(msgspec.Struct):
    """An order as its customer knows it."""

    order: Order
    token: str
    paid: int = 0
    state: str = "awaiting_deposit"
    """As it was shown last."""

    @property
    def name(self) -> str:
        """Return a short name for traces."""
        return self.order.id.hex[-6:]


def some_order(orders: list[CustomerOrder], random: Random) -> CustomerOrder | None:
    """Return an order, mostly one that somebody should decide about."""
    undecided = [one for one in orders if one.state in UNDECIDED]
    if undecided and random.random() < 0.7:
        return random.choice(undecided)
    return random.choice(orders[-8:]) if orders else None


class Customers:
    """All customers; each method is what one of them does, and returns what came of it."""

    def __init__(
        self,
        process: Process,
        ports: OrderPorts,
        *,
        chains: dict[str, Chain],
        random: Random,
        hostile: tuple[Behavior, ...],
    ) -> None:
        self._process = process
        self._ports = ports
        self._chains = chains
        self._random = random
        self._hostile = hostile
        self._coins = 0
        self.orders: list[CustomerOrder] = []

    async def open(self) -> str:
        """Open an order for some amount, at times out of bounds."""
        random = self._random
        source, destination = random.sample(CODES, 2)
        assets = self._ports.market.catalogue.assets
        price = self._ports.market.newest_snapshot()
        assert price is not None
        usd = random.choice((3, 20, 100, 100, 1_000, 4_900, 6_000))
        asset = assets[source]
        units = max(1, usd * 10**18 * 10**asset.precision // price.price(asset.coin))
        swap = SwapRequest(
            rate_type=random.choice((RateType.FLOAT, RateType.FIXED)),
            source=source,
            destination=destination,
            direction=Direction.FROM,
            amount=format_units(units, asset.precision),
        )
        number = len(self.orders)
        request = OrderRequest(
            partner_id=PARTNER,
            code_id=None,
            swap=swap,
            markup_bps=0,
            destination_address=self._recipient(assets[destination], f"to {number}"),
            destination_tag=None,
            refund_address=self._recipient(asset, f"back {number}"),
            source_network=None,
            destination_network=None,
        )
        what = f"{swap.rate_type.value} {swap.amount} {source} to {destination}"
        try:
            opened = await self._process.run(
                "open", open_order(self._ports, request, idempotency=None)
            )
        except DomainError as error:
            return f"{what}: {type(error).__name__}: {error}"
        assert opened.token is not None
        self.orders.append(CustomerOrder(opened.order, opened.token))
        return f"{what}: {self.orders[-1].name}"

    async def pay(self) -> str:
        """Send something to an order's address: mostly what is due, mostly once."""
        if self._random.random() < 0.2:
            one = some_order(self.orders, self._random)
        else:
            one = self._some_order(unpaid=self._random.random() < 0.7)
        if one is None:
            return "no order"
        random, due = self._random, one.order.source_amount
        amount = max(1, int(due * random.choice((1,) * 12 + (0.5, 0.5, 0.001, 1.01, 1.5, 3, 60))))
        amount += random.choice((0, 0, 0, 1, -1)) if amount > 1 else 0
        if random.random() < BARELY:
            source = self._ports.market.catalogue.assets[one.order.source.code]
            amount = source.network_fee + max(source.dust_limit + random.choice((-1, 0, 1)), 1)
        code = one.order.source.code
        if one.order.source.network == ACCOUNTS and random.random() < 0.05:
            code = random.choice(
                [each for each in ("eth", "usdt_erc20", "usdc_erc20") if each != code]
            )
        factor = 20 if random.random() < 0.85 else 7
        return self._send(one, code, amount, factor)

    async def pay_late(self) -> str:
        """Pay an order that has ended, or is about to, in its own asset."""
        closed = [one for one in self.orders if one.state in CLOSED]
        return self.pay_again(self._random.choice(closed)) if closed else "no order"

    def pay_again(self, one: CustomerOrder) -> str:
        """Send half of what is due, or all of it, to an order's address once more."""
        due = one.order.source_amount
        amount = max(1, due // self._random.choice((1, 2)))
        return self._send(one, one.order.source.code, amount, 20)

    def _send(self, one: CustomerOrder, code: str, amount: int, factor: int) -> str:
        """Submit a payment that offers this many tenths of the present price."""
        chain = self._chains[one.order.source.network]
        price, due = chain.price * factor // 10, one.order.source_amount
        self._coins += 1
        output = (one.order.pay_in_address, code, amount)
        tx = self._payment(chain, f"customer{self._coins}", output, price)
        if isinstance(chain, AccountChain) and code == chain.coin:
            tx = self._paid_by_contract(tx) if self._random.random() < INTERNAL else tx
        one.paid += 1
        return f"{one.name} {amount} of {due} {code} {tx.id[:8]}: {chain.submit(tx) or 'pending'}"

    async def replace(self) -> str:
        """Replace a pending payment: by another amount, or by one to somebody else."""
        network = self._random.choice((ACCOUNTS, OUTPUTS))
        chain = self._chains[network]
        pending = [tx for tx in chain.mempool.values() if tx.sender.startswith("customer")]
        if not pending:
            return "nothing pending"
        tx = self._random.choice(pending)
        (address, code, amount), *_ = tx.outputs
        if self._random.random() < 0.5:
            address = address_on(network, "own")
        else:
            amount = max(1, amount * self._random.choice((1, 1, 2)) - self._random.choice((0, 1)))
        price = tx.price * 3 // 2
        other = msgspec.structs.replace(
            tx, outputs=((address, code, amount),), price=price, fee=tx.fee * 3 // 2
        )
        return f"{tx.id[:8]} by {other.id[:8]}: {chain.submit(other) or 'pending'}"

    async def choose(self) -> str:
        """Choose for an order, whether or not it is held."""
        one = some_order(self.orders, self._random)
        if one is None:
            return "no order"
        choice = self._random.choice(("EXCHANGE", "REFUND"))
        return f"{one.name} {choice}: {await self.choose_for(one, choice)}"

    async def choose_for(self, one: CustomerOrder, choice: str) -> str:
        """Choose for one order."""
        return await self._attempt(
            choose_resolution(
                self._ports,
                partner_id=None,
                order_id=str(one.order.id),
                token=one.token,
                choice=choice,
            )
        )

    async def delete(self) -> str:
        """Delete an order, if that is possible now."""
        one = self._some_order(unpaid=False)
        if one is None:
            return "no order"
        work = delete_order(self._ports.orders, order_id=str(one.order.id), token=one.token)
        return f"{one.name}: {await self._attempt(work)}"

    async def _attempt(self, work: Coroutine[Any, Any, object]) -> str:
        try:
            await self._process.run("attempt", work)
        except DomainError as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    def _some_order(self, *, unpaid: bool) -> CustomerOrder | None:
        newest = self.orders[-8:]
        chosen = [one for one in newest if not one.paid] if unpaid else newest
        return self._random.choice(chosen) if chosen else None

    def _recipient(self, asset: Asset, name: str) -> str:
        address = address_on(asset.network, name)
        chain = self._chains[asset.network]
        if isinstance(chain, AccountChain) and self._random.random() < HOSTILE:
            chain.corrupt(address, asset.code, self._hostile)
        return address

    def _paid_by_contract(self, tx: Tx) -> Tx:
        """Return a payment as a contract makes it, perhaps to an address of another order too."""
        other = some_order(self.orders, self._random)
        outputs = tx.outputs
        if other and other.order.source.network == ACCOUNTS and self._random.random() < BATCHED:
            ((_, code, amount),) = outputs
            outputs = (*outputs, (other.order.pay_in_address, code, amount))
        return msgspec.structs.replace(tx, outputs=outputs, is_internal=True)

    def _payment(self, chain: Chain, sender: str, output: tuple[str, str, int], price: int) -> Tx:
        key = f"{sender}/0" if isinstance(chain, AccountChain) else f"faucet/{self._coins}"
        size = 60_000 if isinstance(chain, AccountChain) else 150
        return Tx(
            spends=frozenset({key}),
            outputs=(output,),
            price=price,
            fee=price * size,
            sender=sender,
        )
