"""Estimates what payouts on a network cost, so that the network fees of new orders follow it."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import msgspec
import structlog

from domain.assets import Asset
from domain.errors import Unavailable
from domain.market.network_fees import fee_in_asset
from domain.market.ports import Market
from feeds.settlement.chains.interface import Wallet

INTERVAL_SECONDS: Final = 30.0

log = structlog.get_logger()


RecordEstimates = Callable[[Mapping[Asset, int]], Awaitable[None]]
"""Stores what payouts of assets cost now, in their smallest units; raises Unavailable."""


class FeeEstimates(msgspec.Struct, frozen=True, kw_only=True):
    """Estimates for the assets of one network that are paid out."""

    wallet: Wallet
    codes: Collection[str]
    market: Market
    record: RecordEstimates

    async def round(self) -> int:
        """Record what payouts cost now; return 0. An asset without an estimate is left as it is.

        Raises Unavailable without a database.
        """
        estimates: dict[Asset, int] = {}
        for code in sorted(self.codes):
            asset = self.market.catalogue.assets[code]
            try:
                estimate = await self._estimate(asset)
            except Unavailable as error:  # of the node, or of a price
                log.warning("no fee estimate", asset=code, reason=str(error))
                continue
            if estimate is not None:
                estimates[asset] = estimate
        if estimates:
            await self.record(estimates)
        return 0

    async def _estimate(self, asset: Asset) -> int | None:
        await self.wallet.check_identity()
        fee = await self.wallet.typical_fee(asset)
        if fee is None:
            return None
        coin = self.wallet.coin
        return fee_in_asset(
            fee,
            coin=coin.name,
            decimals=coin.decimals,
            asset=asset,
            snapshot=self.market.snapshot(),
        )
