"""Voids signed outflows: a transaction that pays nobody takes their nonce or their inputs."""

from typing import Final

import structlog

from domain.chains.outflows import Outflow
from feeds.settlement.chains.interface import Signed
from feeds.settlement.payouts.ports import PayoutPorts

log: Final = structlog.get_logger()


class Voids:
    """The outflows of one network whose void was requested."""

    def __init__(self, ports: PayoutPorts) -> None:
        self._ports = ports

    async def push(self, outflow: Outflow) -> None:
        """Sign, store and broadcast a void transaction; later broadcast it again, or raise its fee.

        What was signed before is not broadcast any more. It may have been: whichever transaction
        the chain includes then ends the outflow.
        """
        ports, newest = self._ports, outflow.candidates[-1]
        age = ports.settlement.clock.now() - newest.signed_at
        if newest.voids and not await ports.wallet.is_known(newest.tx_id):
            await self._broadcast(Signed(newest.raw, newest.tx_id))
        elif not newest.voids or age > ports.raise_fee_after:
            await self._sign(outflow)

    async def _sign(self, outflow: Outflow) -> None:
        ports = self._ports
        await ports.leadership.require()
        signed = await ports.wallet.void(outflow)
        if not await ports.outflows.add_void(outflow, raw=signed.raw, tx_id=signed.tx_id):
            return
        log.warning("outflow being voided", order=str(outflow.order_id), tx_id=signed.tx_id)
        await self._broadcast(signed)

    async def _broadcast(self, signed: Signed) -> None:
        await self._ports.leadership.require()
        await self._ports.wallet.broadcast(signed)

    async def end(self, outflow: Outflow, tx_id: str, *, usd: int | None) -> None:
        """Record that a transaction which paid nobody is deep enough in its chain.

        `usd` is what its fee is worth, in 10^-18 USD; None if that is not known.
        """
        if await self._ports.outflows.mark_voided(outflow, tx_id=tx_id, usd=usd):
            log.warning(
                "outflow voided: the operator decides what follows",
                order=str(outflow.order_id),
                tx_id=tx_id,
            )
