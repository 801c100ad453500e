"""What paying out on a network needs."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from domain.actions.orders.ports import SettlementPorts
from domain.chains.attempts import AttemptRepository
from domain.chains.ports import ChainRepository, OutflowRepository
from feeds.settlement.chains.interface import Wallet
from feeds.settlement.deposits.watch import ChainWatch
from feeds.settlement.payouts.leadership import Leadership


class CostLimits(msgspec.Struct, frozen=True):
    """What a transaction may cost: a multiple of the charged network fee, and a minimum.

    `min_usd`, in 10^-18 USD, applies where the charged fee is tiny.
    """

    multiple: int
    min_usd: int


class PayoutPorts(msgspec.Struct, frozen=True, kw_only=True):
    """The hot wallet of a network, and the watches of all chains that deposits arrive on.

    `outflows` writes under the lease of `leadership`'s round. A transaction still unconfirmed after
    `raise_fee_after` gets a higher fee.
    """

    network: str
    wallet: Wallet
    watches: Mapping[str, ChainWatch]
    settlement: SettlementPorts
    chains: ChainRepository
    outflows: OutflowRepository
    leadership: Leadership
    attempts: AttemptRepository
    cost_limits: CostLimits
    raise_fee_after: timedelta
