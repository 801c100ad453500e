"""Bitcoin Cash: addresses in CashAddr form only."""

from functools import partial
from typing import Any, Final

from bip_utils import BchP2PKHAddrDecoder, BchP2PKHAddrEncoder, BchP2SHAddrDecoder

from domain.chains.network import AccountForm, AddressForm, Network
from domain.chains.pay_in import AccountKind

PREFIX: Final = "bitcoincash"
KEY_VERSION: Final = b"\x00"
SCRIPT_VERSION: Final = b"\x08"


class BitcoinCashNetwork(Network, frozen=True, kw_only=True):
    """A network whose addresses may be written with or without a prefix."""

    def canonical(self, address: str) -> str:
        """See Network: with the prefix, in lower case."""
        return f"{PREFIX}:{address.lower().removeprefix(f'{PREFIX}:')}"

    def spellings(self, address: str) -> frozenset[str]:
        """See Network: with the prefix and without."""
        canonical = self.canonical(address)
        return frozenset({canonical, canonical.removeprefix(f"{PREFIX}:")})


def _cash_address(decoder: Any, version: bytes) -> AddressForm:
    """Return a form of CashAddr, with the prefix or without.

    The legacy form is not accepted: it is the same as Bitcoin's.
    """

    def decode(address: str) -> None:
        prefixed = address if ":" in address else f"{PREFIX}:{address}"
        decoder.DecodeAddr(prefixed, hrp=PREFIX, net_ver=version)

    return decode


NETWORKS: Final = (
    BitcoinCashNetwork(
        name="Bitcoin Cash",
        chain="bitcoincash",
        coin="BCH",
        confirmations=4,
        explorer="https://blockchair.com/bitcoin-cash/transaction/{}",
        block_ms=600_000,
        dust_limit=546,  # three times 1 unit a byte, as for Bitcoin
        address_forms=(
            _cash_address(BchP2PKHAddrDecoder, KEY_VERSION),
            _cash_address(BchP2SHAddrDecoder, SCRIPT_VERSION),
        ),
        accounts=(
            AccountForm(
                kind=AccountKind.BIP44,
                encode=partial(BchP2PKHAddrEncoder.EncodeKey, hrp=PREFIX, net_ver=KEY_VERSION),
            ),
        ),
    ),
)
