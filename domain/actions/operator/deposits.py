"""Deposits that no order can use: list them, and propose to refund one to its sender."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.chains.validate_address import OwnAddresses
from domain.actions.operator.operators import Identity
from domain.actions.operator.proposals import (
    Proposal,
    ProposalKind,
    ProposalRepository,
    propose,
)
from domain.assets import Asset, Catalogue
from domain.chains.addresses import check_address, check_tag, spellings
from domain.clock import Clock
from domain.errors import InvalidCommand, NotFound
from domain.market.rates import RateSnapshot
from domain.market.valuation import usd_value
from domain.money import USD_DECIMALS, units_from

EXCESS: Final = "excess"


class UnexpectedDeposit(msgspec.Struct, frozen=True):
    """A late deposit, or one of another asset than its order's; `amount` in units of the asset.

    The excess of a fixed rate is one too, once its own refund was closed.

    At a retired address it belongs to no order that is known: `order_id` is None.

    At a reused address it may be a payment for one of `earlier_orders`, which had it before.

    `proposal` is the id of what is proposed or approved for it; `stage` is empty, `proposed`,
    `approved`, or that of its outflow: `intended`, `signed`, `broadcast`, `settled`, `voided`.
    Without an outflow it is `dropped` while its chain does not contain the deposit any more.
    """

    tx_id: str
    order_id: str | None
    kind: str
    network: str
    asset: str
    amount: str
    pay_in_address: str
    seen_at: datetime
    confirmed: bool
    proposal: str | None
    approved: bool
    stage: str
    refund_tx_id: str | None
    earlier_orders: Sequence[str] = ()

    @property
    def subject(self) -> str:
        """Return what identifies it: a transaction may pay several orders."""
        if self.kind == EXCESS:
            return f"excess:{self.order_id}"
        return f"{self.tx_id}:{self.order_id or self.pay_in_address}:{self.asset}"

    @property
    def next_command(self) -> str:
        """Return what to type."""
        if self.stage == "voided":
            return f"swapgate outflow resend {self.proposal} --reason TEXT"
        if self.approved:
            return ""
        if self.proposal is not None and self.stage == "dropped":
            return f"swapgate proposal withdraw {self.proposal}"
        if self.proposal is not None:
            return f"swapgate approve {self.proposal}"
        return f"swapgate deposit refund {self.tx_id} --to ADDRESS --reason TEXT"


class UnexpectedDeposits(Protocol):
    """Reads unexpected deposits. Each method raises Unavailable."""

    async def newest(self, *, limit: int) -> Sequence[UnexpectedDeposit]:
        """Return the newest ones, newest first."""

    async def of_transaction(self, tx_id: str) -> Sequence[UnexpectedDeposit]:
        """Return those of a transaction."""


class DepositPorts(msgspec.Struct, frozen=True):
    """What the actions on deposits need; `snapshot` is None without fresh prices."""

    deposits: UnexpectedDeposits
    own_addresses: OwnAddresses
    proposals: ProposalRepository
    catalogue: Catalogue
    snapshot: RateSnapshot | None
    clock: Clock
    new_id: Callable[[], UUID]


class RefundRequest(msgspec.Struct, frozen=True):
    """A refund to an address of the customer's; `order_id` where one transaction paid several."""

    tx_id: str
    address: str
    tag: str | None
    order_id: str | None
    reason: str


async def list_unexpected(ports: DepositPorts, *, limit: int) -> Sequence[UnexpectedDeposit]:
    """Return the newest deposits that are in no order, newest first."""
    return await ports.deposits.newest(limit=limit)


async def propose_refund(
    ports: DepositPorts, request: RefundRequest, operator: Identity
) -> Proposal:
    """Propose to refund an unexpected deposit, once; settlement sends it when it is approved.

    Raises NotFound, InvalidAddress and InvalidCommand.
    """
    deposit = await _find(ports.deposits, request)
    check_address(deposit.network, request.address)
    check_tag(deposit.network, request.tag)
    own = spellings(deposit.network, request.address)
    if await ports.own_addresses.includes_any(deposit.network, own):
        raise InvalidCommand("this is a pay-in address or a hot wallet of this installation")
    if not deposit.confirmed:
        raise InvalidCommand("the deposit is not confirmed yet")
    asset = ports.catalogue.assets[deposit.asset]
    problem = asset.refund_problem(units_from(deposit.amount, asset.precision))
    if problem is not None:
        raise InvalidCommand(problem)
    proposal = Proposal(
        id=ports.new_id(),
        kind=ProposalKind.REFUND_DEPOSIT,
        subject=deposit.subject,
        document={
            "network": deposit.network,
            "txId": deposit.tx_id,
            "orderId": deposit.order_id,
            "asset": deposit.asset,
            "amount": deposit.amount,
            "payInAddress": deposit.pay_in_address,
            "address": request.address,
            "tag": request.tag,
            **({"isExcess": True} if deposit.kind == EXCESS else {}),
        },
        usd=_usd(ports, asset, deposit.amount),
        needs_second=True,
        reason=request.reason,
        proposed_by=operator.name,
        proposed_at=ports.clock.now(),
    )
    return await propose(ports.proposals, proposal, operator)


async def _find(deposits: UnexpectedDeposits, request: RefundRequest) -> UnexpectedDeposit:
    found = [
        one
        for one in await deposits.of_transaction(request.tx_id)
        if request.order_id in (None, one.order_id)
    ]
    if not found:
        raise NotFound(f"there is no unexpected deposit {request.tx_id}")
    if len(found) > 1:
        raise InvalidCommand("the transaction has several unexpected deposits: add --order ID")
    return found[0]


def _usd(ports: DepositPorts, asset: Asset, amount: str) -> Decimal | None:
    """Return the value of an amount, rounded down to cents; None without a price."""
    if ports.snapshot is None or asset.coin not in ports.snapshot.prices:
        return None
    units = units_from(amount, asset.precision)
    value = usd_value(units, ports.snapshot.price(asset.coin), asset).usd()
    return Decimal(value).scaleb(-USD_DECIMALS).quantize(Decimal("0.01"))
