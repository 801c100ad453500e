"""What paying on a network needs, and how what can't be done at the moment is told."""

from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.actions.orders.ports import SettlementPorts
from domain.chains.transfers import ChainRepository, OutflowCapped, OutflowOff, OutflowRepository
from domain.errors import InvalidTransition, Unavailable
from feeds.settlement.chains import metrics
from feeds.settlement.chains.interface import Wallet
from feeds.settlement.chains.watch import ChainWatch

log: Final = structlog.get_logger()


class PayoutPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What payouts on a network need: its hot wallet, and all chains that deposits come from.

    The fee of what no block has taken `raise_fee_after` so long is raised.
    """

    network: str
    wallet: Wallet
    watches: Mapping[str, ChainWatch]
    ports: SettlementPorts
    chains: ChainRepository
    outflows: OutflowRepository
    raise_fee_after: timedelta


class PayoutBacklog:
    """The orders of a network that can't be paid out at the moment, and why."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._told: dict[UUID, str] = {}

    async def carefully(self, order_id: UUID, work: Awaitable[bool]) -> bool:
        """Do one order's part; what can't be done now is told once, and tried again."""
        try:
            done = await work
        except (Unavailable, OutflowOff, OutflowCapped, InvalidTransition) as error:
            why = str(error) or type(error).__name__
            if self._told.get(order_id) != why:
                log.warning("outflow has to wait", order=str(order_id), why=why)
                self._told[order_id] = why
            self._count()
            return False
        self._told.pop(order_id, None)
        self._count()
        return done

    def _count(self) -> None:
        metrics.OUTFLOWS_WAITING.labels(self._network).set(len(self._told))
