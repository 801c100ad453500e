"""Bitcoin and its forks: addresses of public key hashes, script hashes and segwit programs."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from bip_utils import (
    P2PKHAddrDecoder,
    P2PKHAddrEncoder,
    P2SHAddrDecoder,
    P2SHAddrEncoder,
    P2WPKHAddrEncoder,
    SegwitBech32Decoder,
)

from domain.chains.identity import ChainIdentity, genesis
from domain.chains.network import AccountForm, AddressEncoder, AddressForm, Network, require
from domain.chains.pay_in import AccountKind
from domain.chains.transfers import Block

FAMILY: Final = "bitcoin"

DUST_LIMIT: Final = 546
"""That of outputs to key hashes, which need most: 182 bytes with the input that spends them.

DUST_RELAY_TX_FEE is 3 units a byte (Bitcoin Core and Dash Core, src/policy/policy.h). Script hashes
need 540, segwit programs 294 (20 bytes) and 330 (32 bytes, P2TR among them).
"""


class BitcoinNetwork(Network, frozen=True, kw_only=True):
    """A network whose addresses are output scripts in base58check, or in bech32 with segwit.

    `segwit_prefix` is None without segwit. `replaces_by_fee` says whether its nodes accept a
    transaction that replaces one with a lower fee (BIP 125).
    """

    key_version: bytes
    script_version: bytes
    segwit_prefix: str | None
    replaces_by_fee: bool


def _network(
    name: str,
    *,
    chain: str,
    coin: str,
    confirmations: int,
    explorer: str,
    block_ms: int,
    key_version: bytes,
    script_version: bytes,
    segwit_prefix: str | None = None,
    key_versions: Mapping[AccountKind, bytes] | None = None,
    replaces_by_fee: bool = False,
    family: str | None = FAMILY,
    identity: ChainIdentity | None = None,
    test_networks: Mapping[str, ChainIdentity] | None = None,
    dust_limit: int = DUST_LIMIT,
) -> BitcoinNetwork:
    """Return a network; `key_versions` are those of the coin's own extended public keys."""
    forms: list[AddressForm] = [
        partial(P2PKHAddrDecoder.DecodeAddr, net_ver=key_version),
        partial(P2SHAddrDecoder.DecodeAddr, net_ver=script_version),
    ]
    encoders: dict[AccountKind, AddressEncoder] = {
        AccountKind.BIP44: partial(P2PKHAddrEncoder.EncodeKey, net_ver=key_version)
    }
    if segwit_prefix is not None:
        forms.insert(0, _segwit(segwit_prefix))
        encoders = {
            AccountKind.BIP84: partial(P2WPKHAddrEncoder.EncodeKey, hrp=segwit_prefix, wit_ver=0),
            AccountKind.BIP49: partial(P2SHAddrEncoder.EncodeKey, net_ver=script_version),
            **encoders,
        }
    own = {kind: (version,) for kind, version in (key_versions or {}).items()}
    return BitcoinNetwork(
        name=name,
        chain=chain,
        coin=coin,
        family=family,
        confirmations=confirmations,
        explorer=explorer,
        block_ms=block_ms,
        identity=identity,
        test_networks=test_networks or {},
        address_forms=tuple(forms),
        accounts=tuple(
            AccountForm(kind=kind, encode=encode, key_versions=own.get(kind, ()))
            for kind, encode in encoders.items()
        ),
        key_version=key_version,
        script_version=script_version,
        segwit_prefix=segwit_prefix,
        bech32_prefixes=() if segwit_prefix is None else (f"{segwit_prefix}1",),
        replaces_by_fee=replaces_by_fee,
        dust_limit=dust_limit,
    )


def _segwit(prefix: str) -> AddressForm:
    """Return the form of segwit addresses of versions 0 and 1 (BIP 173, BIP 350)."""

    def decode(address: str) -> None:
        version, program = SegwitBech32Decoder.Decode(prefix, address)
        require(version in (0, 1))
        require(len(program) == 32 or (version == 0 and len(program) == 20))

    return decode


NETWORKS: Final = (
    _network(
        "Bitcoin",
        chain="bitcoin",
        coin="BTC",
        confirmations=2,
        explorer="https://mempool.space/tx/{}",
        block_ms=600_000,
        key_version=b"\x00",
        script_version=b"\x05",
        segwit_prefix="bc",
        replaces_by_fee=True,
        identity=ChainIdentity(
            blocks=(
                Block(0, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
                # The first block that Bitcoin Cash does not share.
                Block(478_559, "00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148"),
            )
        ),
        test_networks={
            "testnet": genesis("000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
            "regtest": genesis("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        },
    ),
    # Script addresses that begin with 3 are Bitcoin's too, so only those with M are accepted.
    _network(
        "Litecoin",
        chain="litecoin",
        coin="LTC",
        confirmations=4,
        explorer="https://litecoinspace.org/tx/{}",
        block_ms=150_000,
        key_version=b"\x30",
        script_version=b"\x32",
        segwit_prefix="ltc",
        key_versions={
            AccountKind.BIP44: bytes.fromhex("019da462"),  # Ltub
            AccountKind.BIP49: bytes.fromhex("01b26ef6"),  # Mtub
        },
        replaces_by_fee=True,
        identity=genesis("12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"),
        test_networks={
            "testnet": genesis("4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0"),
            "regtest": genesis("530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"),
        },
        dust_limit=5_460,  # 30 units a byte (Litecoin Core, src/policy/policy.h)
    ),
    _network(
        "Dogecoin",
        chain="dogecoin",
        coin="DOGE",
        confirmations=10,
        explorer="https://blockchair.com/dogecoin/transaction/{}",
        block_ms=60_000,
        key_version=b"\x1e",
        script_version=b"\x16",
        key_versions={AccountKind.BIP44: bytes.fromhex("02facafd")},  # dgub
        identity=genesis("1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691"),
        test_networks={
            "testnet": genesis("bb0a78264637406b6360aad926284d544d7049f45189db5664f3c4d07350559e"),
            "regtest": genesis("3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5"),
        },
        # The soft limit since Dogecoin Core 1.14.5 (doc/fee-recommendation.md): an output below it
        # costs 0.01 DOGE more, and one below 0.001 DOGE is not forwarded at all.
        dust_limit=1_000_000,
    ),
    _network(
        "Dash",
        chain="dash",
        coin="DASH",
        confirmations=4,
        explorer="https://blockchair.com/dash/transaction/{}",
        block_ms=157_500,
        key_version=b"\x4c",
        script_version=b"\x10",
        identity=genesis("00000ffd590b1485b3caadc19b22e6379c733355108f107a430458cdf3407ab6"),
        test_networks={
            "testnet": genesis("00000bafbc94add76cb75e2ec92894837288a481e5c005f6563d91623bf8bc2c"),
            "regtest": genesis("000008ca1832a4baf228eb1553c03d3a2c8e02399550dd6ea8d65cec3ef23d2e"),
        },
    ),
    # Transparent addresses only. The sandbox alone settles it.
    _network(
        "Zcash",
        chain="zcash",
        coin="ZEC",
        confirmations=12,
        explorer="https://blockchair.com/zcash/transaction/{}",
        block_ms=75_000,
        key_version=b"\x1c\xb8",
        script_version=b"\x1c\xbd",
        family=None,
        dust_limit=54,  # three times 100 units a kilobyte (zcashd, src/policy/policy.h)
    ),
)

BY_NAME: Final[Mapping[str, BitcoinNetwork]] = {network.name: network for network in NETWORKS}
