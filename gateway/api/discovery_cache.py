"""The responses of /v1/currencies and /v1/pairs, encoded in the background on every change."""

import asyncio
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from domain.assets import Asset, Catalogue, Pair
from domain.errors import Unavailable
from domain.wire import Amount, Precision, one_of
from gateway.api.asset_encoding import AssetOut, asset_fields
from gateway.codec import success
from gateway.runtime.market import LiveMarket

POLL_INTERVAL_SECONDS: Final = 0.5


class CurrencyOut(AssetOut, frozen=True, kw_only=True):
    """An active asset. `recv`: deposits are accepted; `send`: it is paid out."""

    name: str
    recv: bool
    send: bool
    tag: str | None
    logo: str | None
    color: str | None
    min_amount: Amount | None = msgspec.field(name="minAmount")
    max_amount: Amount | None = msgspec.field(name="maxAmount")
    precision: Precision


class PairRateType(StrEnum):
    """A rate type, as pairs spell it."""

    FLOAT = "FLOAT"
    FIXED = "FIXED"


class PairOut(msgspec.Struct, frozen=True):
    """A pair that can currently be quoted, and its rate types."""

    source: str = msgspec.field(name="from")
    destination: str = msgspec.field(name="to")
    source_network: str = msgspec.field(name="fromNetwork")
    destination_network: str = msgspec.field(name="toNetwork")
    rate_types: list[Annotated[str, one_of(PairRateType)]] = msgspec.field(name="rateTypes")


class DiscoveryCache:
    """Both response bodies; `refresh` encodes them again when their content has changed."""

    def __init__(self, market: LiveMarket) -> None:
        self._market = market
        self._encoded_for: tuple[Catalogue, frozenset[str]] | None = None
        self._currencies: bytes | None = None
        self._pairs: bytes | None = None

    @property
    def currencies(self) -> bytes:
        """Return the body of /v1/currencies; raise Unavailable before it was first encoded."""
        return _ready(self._currencies)

    @property
    def pairs(self) -> bytes:
        """Return the body of /v1/pairs; raise Unavailable before it was first encoded."""
        return _ready(self._pairs)

    def is_ready(self) -> bool:
        """Return whether both bodies have been encoded."""
        return self._encoded_for is not None

    def refresh(self) -> None:
        """Encode both bodies if the catalogue or the set of priced coins has changed."""
        catalogue = self._market.catalogue
        priced = frozenset(self._market.snapshot().prices if self._market.has_fresh_rates() else ())
        encoded = self._encoded_for
        if encoded is not None and encoded[0] is catalogue and encoded[1] == priced:
            return
        self._currencies = success([_currency(asset) for asset in catalogue.active_assets()])
        self._pairs = success(
            [
                _pair(pair, fixed=catalogue.switches.fixed_rates)
                for pair in catalogue.pairs.values()
                if pair.source.coin in priced and pair.destination.coin in priced
            ]
        )
        self._encoded_for = catalogue, priced

    async def keep_fresh(self) -> None:
        """Refresh twice a second, forever."""
        while True:
            if self._market.is_ready():
                self.refresh()
            await asyncio.sleep(POLL_INTERVAL_SECONDS)


def _ready(body: bytes | None) -> bytes:
    if body is None:
        raise Unavailable("the catalogue has not been read yet")
    return body


def _currency(asset: Asset) -> CurrencyOut:
    return CurrencyOut(
        **asset_fields(asset),
        name=asset.name,
        recv=asset.receivable,
        send=asset.sendable,
        tag=asset.tag_name,
        logo=asset.logo,
        color=asset.color,
        min_amount=None,
        max_amount=None,
        precision=asset.precision,
    )


def _pair(pair: Pair, *, fixed: bool) -> PairOut:
    return PairOut(
        source=pair.source.code,
        destination=pair.destination.code,
        source_network=pair.source.network,
        destination_network=pair.destination.network,
        rate_types=["FLOAT", "FIXED"] if fixed else ["FLOAT"],
    )
