"""What following a chain needs."""

import time
from collections.abc import Callable
from datetime import timedelta

import msgspec

from domain.actions.orders.ports import SettlementPorts
from domain.chains.ports import ChainRepository
from feeds.settlement.deposits.node_pair import NodePair


class WatchPorts(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes of a network, and where its deposits and its status are recorded.

    A deposit that neither node has known for `drop_after` is dropped. `first_height` is where to
    begin; None for the height at the first start. `monotonic` returns seconds.
    """

    network: str
    nodes: NodePair
    settlement: SettlementPorts
    chains: ChainRepository
    drop_after: timedelta
    first_height: int | None = None
    monotonic: Callable[[], float] = time.monotonic
