"""Request that settlement credits a deposit that its nodes prove, and that no scan detects."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.operator.audit import checked_reason
from domain.actions.operator.operators import Identity
from domain.assets import Catalogue
from domain.chains.addresses import spellings_of_networks
from domain.chains.deposit_credits import DepositCredit
from domain.chains.networks import NETWORKS
from domain.clock import Clock
from domain.errors import InvalidCommand, NotFound

POLL_SECONDS: Final = 0.5

_TX_ID = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class CreditState(StrEnum):
    """Whether settlement has decided a request, and how."""

    PENDING = "pending"
    CREDITED = "credited"
    REJECTED = "rejected"


class PayInAssignment(msgspec.Struct, frozen=True):
    """The order that a pay-in address of a network is assigned to."""

    network: str
    address: str
    order_id: UUID


class DecidedCredit(msgspec.Struct, frozen=True):
    """A request, and what settlement decided: an amount, in units of the asset, or why not."""

    credit: DepositCredit
    decided_at: datetime | None
    amount: str | None
    rejection: str | None

    @property
    def state(self) -> CreditState:
        """Return whether it is decided, and how."""
        if self.decided_at is None:
            return CreditState.PENDING
        return CreditState.REJECTED if self.amount is None else CreditState.CREDITED


class CreditRequests(Protocol):
    """Requested credits, as operators see them. Each method raises Unavailable."""

    async def assignments(
        self, addresses: Collection[tuple[str, str]]
    ) -> Sequence[PayInAssignment]:
        """Return the orders that addresses, each with its network, are assigned to."""

    async def is_received(self, asset: str) -> bool:
        """Return whether settlement is connected to nodes that report deposits of an asset."""

    async def is_recorded(self, credit: DepositCredit) -> bool:
        """Return whether the deposit is recorded, and not dropped."""

    async def add(self, credit: DepositCredit) -> None:
        """Store a request, unless the same one is pending."""

    async def of_transaction(self, tx_id: str) -> Sequence[DecidedCredit]:
        """Return the requests for a transaction, newest first."""

    async def newest(self, *, limit: int) -> Sequence[DecidedCredit]:
        """Return the newest requests, newest first."""


class CreditPorts(msgspec.Struct, frozen=True):
    """What the actions on credits need. `pause` waits for some seconds."""

    requests: CreditRequests
    catalogue: Catalogue
    clock: Clock
    new_id: Callable[[], UUID]
    pause: Callable[[float], Awaitable[None]]


class CreditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator requests; `network` where the address is assigned on several."""

    tx_id: str
    address: str
    network: str | None
    reason: str


async def request_credit(
    ports: CreditPorts, request: CreditRequest, operator: Identity
) -> DepositCredit:
    """Request that settlement credits what a transaction brought to a pay-in address.

    Settlement reads the amount from its nodes: the operator states none. A request that is pending
    is not stored twice. Raises NotFound and InvalidCommand.
    """
    reason = checked_reason(request.reason)
    tx_id = request.tx_id.lower()
    if _TX_ID.fullmatch(tx_id) is None:
        raise InvalidCommand("a transaction id is 0x and 64 hexadecimal digits")
    assigned = await _assignment(ports.requests, request)
    credit = DepositCredit(
        id=ports.new_id(),
        network=assigned.network,
        tx_id=tx_id,
        address=assigned.address,
        asset=_coin(ports.catalogue, assigned.network),
        order_id=assigned.order_id,
        reason=reason,
        requested_by=operator.name,
        requested_at=ports.clock.now(),
    )
    if not await ports.requests.is_received(credit.asset):
        raise InvalidCommand(f"settlement is not connected to nodes of {credit.network}")
    if await ports.requests.is_recorded(credit):
        raise InvalidCommand("this deposit is recorded already: it cannot be credited twice")
    await ports.requests.add(credit)
    return credit


async def await_decision(
    ports: CreditPorts, credit: DepositCredit, *, seconds: float
) -> DecidedCredit:
    """Return what was decided on a request; the pending one if it takes longer than `seconds`."""
    waited = 0.0
    while True:
        last = await _last(ports.requests, credit)
        if last.state is not CreditState.PENDING or waited >= seconds:
            return last
        await ports.pause(POLL_SECONDS)
        waited += POLL_SECONDS


async def _last(requests: CreditRequests, credit: DepositCredit) -> DecidedCredit:
    """Return the newest request like this one, which may be an earlier one that is pending."""
    for one in await requests.of_transaction(credit.tx_id):
        if (one.credit.network, one.credit.address) == (credit.network, credit.address):
            return one
    return DecidedCredit(credit, None, None, None)


async def credits_of(ports: CreditPorts, tx_id: str) -> Sequence[DecidedCredit]:
    """Return the requests for a transaction, newest first."""
    return await ports.requests.of_transaction(tx_id.lower())


async def list_credits(ports: CreditPorts, *, limit: int) -> Sequence[DecidedCredit]:
    """Return the newest requests, newest first."""
    return await ports.requests.newest(limit=limit)


async def _assignment(requests: CreditRequests, request: CreditRequest) -> PayInAssignment:
    """Return the order of an address; raise NotFound without one, InvalidCommand for several."""
    wanted = None if request.network is None else request.network.lower()
    found = [
        one
        for one in await requests.assignments(spellings_of_networks(request.address))
        if wanted in (None, one.network.lower())
    ]
    if not found:
        raise NotFound(f"no order has the pay-in address {request.address}")
    if len(found) > 1:
        names = ", ".join(one.network for one in found)
        raise InvalidCommand(f"the address is assigned on {names}: add --network NAME")
    return found[0]


def _coin(catalogue: Catalogue, network: str) -> str:
    """Return the code of the coin that internal transfers move; raise InvalidCommand."""
    declared = NETWORKS.get(network)
    coin = None if declared is None else declared.internal_coin
    for asset in catalogue.assets.values():
        if coin is not None and (asset.network, asset.coin) == (network, coin):
            return asset.code
    raise InvalidCommand(
        f"{network} has no internal transfers that settlement could prove: a deposit there is "
        "recorded by itself once its transaction is in a block"
    )
