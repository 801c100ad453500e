"""Settings of a network of Bitcoin's family."""

from decimal import Decimal, InvalidOperation

from domain.chains.networks.bitcoin import FAMILY
from feeds.settlement.chains.interface import Chain, ChainSettings, InvalidChainSettings


class BitcoinSettings(ChainSettings, frozen=True, kw_only=True, tag=FAMILY):
    """A network with one asset, followed and paid through Core's RPC; nodes need txindex=1."""

    asset: str
    wallet: str | None = None
    """The hot wallet's name on the first node; without it nothing is paid out."""
    fee_rate: str | None = None
    """Coins per kvB; without it the node estimates."""
    max_fee: str = "0.01"
    raise_fee_after_seconds: float = 3_600

    @property
    def codes(self) -> tuple[str, ...]:
        """See ChainSettings."""
        return (self.asset,)


def check(chain: Chain[BitcoinSettings]) -> None:
    """Raise InvalidChainSettings if a fee is not a decimal number."""
    try:
        for text in (chain.settings.fee_rate or "0", chain.settings.max_fee):
            Decimal(text)
    except InvalidOperation:
        raise InvalidChainSettings(
            f"{chain.network.name}: fees are decimal numbers in quotes"
        ) from None
