"""An order of a campaign, its recipients, and what they have received."""

import secrets
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from domain.chains.networks.evm import checksummed
from tests.chain_faults.kinds import End, Kind, WayOut
from tests.support.chains import hostile
from tests.support.chains.nodes import Anvil, main_address, regtest_address
from tests.support.chains.swap import Swap
from tests.support.chains.world import World

STOP: Final = "0x00"
"""The code of a contract that accepts payments."""
MODES: Final = {
    "false token": hostile.RETURNS_FALSE,
    "lying token": hostile.RETURNS_TRUE,
    "two-faced token": hostile.TWO_FACED_MODE,
}
SELF_DESTRUCTING: Final = "self-destructing"

REFUND_FEE: Final = "SELECT network_fee FROM assets WHERE code = %s"

REFUND: Final = "SELECT amount FROM outflows WHERE order_id = %s AND kind = 'refund'"

SCALES: Final = {"eth": 18, "usdt_erc20": 6, "usdc_erc20": 6}


def _contract(code: str) -> Callable[[Anvil], str]:
    return lambda anvil: anvil.deploy(hostile.contract(code))


CONTRACTS: Final[dict[str, Callable[[Anvil], str]]] = {
    "gas burner": _contract(hostile.BURNER),
    "proxy to a burner": lambda anvil: anvil.deploy(
        hostile.proxy_to(anvil.deploy(hostile.contract(hostile.BURNER)))
    ),
    "two-faced": _contract(hostile.TWO_FACED),
    "reverter": _contract(hostile.REVERTER),
    "return bomb": _contract(hostile.RETURN_BOMB),
    "revert bomb": _contract(hostile.REVERT_BOMB),
    "expensive wallet": _contract(hostile.EXPENSIVE_WALLET),
    "self-destructed": lambda anvil: anvil.deploy(hostile.SELF_DESTRUCTED),
}


class PlacedOrder(msgspec.Struct, frozen=True):
    """An order, what the operator is to do with it, and the addresses that may receive its funds.

    `payee` is where a payment to the recipient ends up.
    """

    swap: Swap
    kind: Kind
    way_out: WayOut
    refund_address: str
    payee: str

    @property
    def end(self) -> End:
        return self.kind.end(self.way_out)

    def repair(self) -> None:
        """Have the recipient accept payments, as its owner may do at any time."""
        world = self.swap.world
        if self.kind.sent == "eth":
            address = self.refund_address if self.kind.refund else self.swap.recipient
            world.anvil.call("anvil_setCode", address, STOP)
        else:
            world.anvil.set_token_balance(
                world.other_token, hostile.mode_slot(self.swap.recipient), hostile.HONEST
            )


def place(world: World, kind: Kind, random: Random) -> PlacedOrder:
    """Open an order, with a contract of its own as recipient where its kind has one."""
    addresses, payee = {"refundAddress": _refund_address(world, kind)}, ""
    if kind.hostile in CONTRACTS:
        contract = checksummed(CONTRACTS[kind.hostile](world.anvil))
        addresses["refundAddress" if kind.refund else "toAddress"] = contract
    elif kind.hostile == SELF_DESTRUCTING:
        payee = _new_address()
        code = hostile.contract(f"{payee.lower()} SELFDESTRUCT")
        addresses["toAddress"] = checksummed(world.anvil.deploy(code))
    swap = world.open(kind.source, kind.destination, kind.amount, **addresses)
    if kind.hostile in MODES:
        slot = hostile.mode_slot(swap.recipient)
        world.anvil.set_token_balance(world.other_token, slot, MODES[kind.hostile])
    way_out = random.choice(kind.ways_out)
    return PlacedOrder(swap, kind, way_out, addresses["refundAddress"], payee or swap.recipient)


def _refund_address(world: World, kind: Kind) -> str:
    if kind.source == "ltc":
        return main_address(world.litecoind.address("user"))
    return _new_address()


def _new_address() -> str:
    return checksummed("0x" + secrets.token_hex(20))


def pay(order: PlacedOrder) -> None:
    """Pay the deposit from the customer's wallet."""
    world, kind = order.swap.world, order.kind
    if kind.source == "ltc":
        order.swap.pay_litecoin(kind.paid)
        return
    units = int(Decimal(kind.paid).scaleb(SCALES[kind.source]))
    if kind.source == "eth":
        world.anvil.send(order.swap.pay_in, units)
    else:
        world.anvil.send_token(world.token, order.swap.pay_in, units)


def deviation(order: PlacedOrder) -> str | None:
    """Return what was received if it is not exactly what is due, in one transaction."""
    world, kind = order.swap.world, order.kind
    paid, refunded = Decimal(0), Decimal(0)
    if order.end is End.PAID:
        paid = Decimal(order.swap.now()["to"]["amount"])
    elif order.end is End.REFUNDED:
        refunded = _refund_due(order)
    due = (
        (kind.destination, order.payee, paid),
        (kind.source, order.refund_address, refunded),
    )
    wrong = [
        f"{received(world, asset, address)} {asset} received and {amount} due"
        for asset, address, amount in due
        if not _has(world, asset, address, amount)
    ]
    name = f"{order.swap.id}, {kind.hostile or 'regular'}, {order.way_out.value}"
    return f"{name}: {'; '.join(wrong)}" if wrong else None


def _refund_due(order: PlacedOrder) -> Decimal:
    """Return what is refunded: all that was received, less the network fee of its asset.

    The fee follows the network, from the operator's number up to ten times that.
    """
    ((fee,),) = order.swap.world.sql(REFUND_FEE, order.kind.source)
    ((booked,),) = order.swap.world.sql(REFUND, order.swap.id)
    most = Decimal(order.kind.paid) - fee
    return Decimal(booked if most - 9 * fee <= booked <= most else most)


def _has(world: World, asset: str, address: str, due: Decimal) -> bool:
    if asset != "ltc":
        return received(world, asset, address) == due
    found = _received_litecoin(world, address)
    return (Decimal(found["amount"]), len(found["txids"])) == (due, 1 if due else 0)


def received(world: World, asset: str, address: str) -> Decimal:
    """Return the balance of an address, in whole coins."""
    if asset == "ltc":
        return Decimal(_received_litecoin(world, address)["amount"])
    if asset == "eth":
        return Decimal(world.anvil.balance(address)).scaleb(-18)
    token = world.token if asset == "usdt_erc20" else world.other_token
    return Decimal(world.anvil.token_balance(token, address)).scaleb(-SCALES[asset])


def _received_litecoin(world: World, address: str) -> dict[str, Any]:
    query = (0, True, False, regtest_address(address))
    (found,) = world.litecoind.call("listreceivedbyaddress", *query, wallet="user")
    return dict(found)
