"""The steps that payouts, refunds of orders and refunds of deposits have in common."""

from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog

from domain.chains.outflows import Outflow
from feeds.settlement import metrics
from feeds.settlement.chains.interface import Signed
from feeds.settlement.payouts.ports import PayoutPorts

T = TypeVar("T")

log: Final = structlog.get_logger()


async def or_cancel(ports: PayoutPorts, outflow: Outflow, work: Awaitable[T]) -> T:
    """Return the result of a step before an outflow is signed; if it fails, cancel the outflow.

    One that is not signed blocks its network's nonce, and what it is for has a schedule of its own.
    """
    try:
        return await work
    except Exception:
        if await ports.outflows.cancel(outflow):
            log.warning("outflow cancelled: it cannot be signed", order=str(outflow.order_id))
        raise


async def broadcast(ports: PayoutPorts, signed: Signed) -> None:
    """Broadcast a stored transaction, under the lease of the round."""
    await ports.leadership.require()
    await ports.wallet.broadcast(signed)


async def record_broadcast(ports: PayoutPorts, outflow: Outflow, tx_id: str) -> None:
    """Record that an outflow was broadcast, after its order refers to it."""
    await ports.outflows.mark_broadcast(outflow, at=ports.settlement.clock.now())
    metrics.OUTFLOWS.labels(ports.network, outflow.kind.value).inc()
    log.info("outflow broadcast", order=str(outflow.order_id), kind=outflow.kind.value, tx_id=tx_id)
