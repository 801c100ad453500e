"""Outgoing payments on chains: payouts of orders, and refunds of deposits."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.assets import Asset
from domain.errors import DomainError, Unavailable


class OutflowKind(StrEnum):
    """Whether an order is paid out, its deposit refunded, or one that no order can use."""

    PAYOUT = "payout"
    REFUND = "refund"
    DEPOSIT_REFUND = "deposit_refund"


class DueOrders(msgspec.Struct, frozen=True):
    """How many orders are to be paid out or refunded on a network, the oldest since `oldest_at`."""

    network: str
    orders: int
    oldest_at: datetime | None


class OutflowDisabled(DomainError):
    """The operator has disabled outflows."""


class OutflowCapExceeded(DomainError):
    """The outflow would exceed the daily cap."""


class FailureReason(StrEnum):
    """Why an outflow is not sent, as the operator's lists, logs and alarms name it."""

    COST_ABOVE_BOUND = "cost_above_bound"
    GAS_ABOVE_CEILING = "gas_above_ceiling"
    TRANSACTION_FAILED = "transaction_failed"
    BELOW_DUST_LIMIT = "below_dust_limit"
    NEEDS_APPROVAL = "needs_approval"
    SOURCE_CHAIN = "source_chain"
    DAILY_CAP = "daily_cap"
    NOT_DUE = "not_due"
    UNAVAILABLE = "unavailable"
    UNEXPECTED_ERROR = "unexpected_error"
    OPERATOR = "operator"


class OutflowNotSent(Unavailable):
    """An outflow cannot be sent now. `reason` names why; `is_held` puts its order on hold."""

    reason = FailureReason.UNAVAILABLE
    is_held = False


class CostAboveBound(OutflowNotSent):
    """The network's fee would exceed the bound of this order; it is checked again later."""

    reason = FailureReason.COST_ABOVE_BOUND
    is_held = True


class GasAboveCeiling(OutflowNotSent):
    """The recipient's code, or the token's, needs more gas than an outflow may use."""

    reason = FailureReason.GAS_ABOVE_CEILING
    is_held = True


class TransactionFailed(OutflowNotSent):
    """The transaction was mined and moved nothing."""

    reason = FailureReason.TRANSACTION_FAILED
    is_held = True


class BelowDustLimit(OutflowNotSent):
    """Nothing that the network forwards would remain of a refund after its network fee."""

    reason = FailureReason.BELOW_DUST_LIMIT
    is_held = True


class NeedsApproval(OutflowNotSent):
    """The operator has to approve the outflow first."""

    reason = FailureReason.NEEDS_APPROVAL


class SourceChainUnreliable(OutflowNotSent):
    """The deposit cannot be checked: its chain is halted, or has no reliable nodes."""

    reason = FailureReason.SOURCE_CHAIN


class NetworkCoin(msgspec.Struct, frozen=True):
    """The coin in which a network's fees are paid: its name in rate snapshots, and its decimals."""

    name: str
    decimals: int


class Candidate(msgspec.Struct, frozen=True):
    """A signed transaction in hex, and its id. One that `voids` the others pays nobody."""

    raw: str
    tx_id: str
    signed_at: datetime
    voids: bool = False


class Outflow(msgspec.Struct, frozen=True, kw_only=True):
    """The single payment that completes an order: created, signed, broadcast, settled.

    `order_id` is that of the proposal for a deposit that no order can use. `amount` is in smallest
    units of `asset`; `nonce` is set on networks that count transactions.
    `intention` distinguishes it from cancelled ones of the same order. Of the candidates, newest
    last, the chain can include only one: each spends what the first one spends. Once its void is
    requested, only candidates that void the others are added. `settled_tx_id` is the one that
    was deep enough in the chain, unless a reorganization removed it again.
    """

    order_id: UUID
    kind: OutflowKind
    asset: Asset
    address: str
    tag: str | None
    amount: int
    intention: int = 0
    nonce: int | None = None
    candidates: tuple[Candidate, ...] = ()
    settled_tx_id: str | None = None
    is_void_requested: bool = False
