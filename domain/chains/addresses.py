"""Whether an address, and its tag, can be paid to on a network. Mainnet addresses only."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final

from bip_utils import (
    AdaByronAddrDecoder,
    AtomAddrDecoder,
    BchP2PKHAddrDecoder,
    BchP2SHAddrDecoder,
    Bech32Decoder,
    EthAddrDecoder,
    P2PKHAddrDecoder,
    P2SHAddrDecoder,
    SegwitBech32Decoder,
    TrxAddrDecoder,
    XlmAddrDecoder,
    XlmAddrTypes,
    XrpAddrDecoder,
)
from monero.address import address as monero_address
from monero.const import NET_MAIN
from solders.pubkey import Pubkey

from domain.errors import InvalidAddress

TAG_NAMES: Final[Mapping[str, str]] = {
    "XRP Ledger": "Destination tag",
    "TON": "Comment",
    "Stellar": "Memo",
    "Cosmos": "Memo",
}

Check = Callable[[str], object]
"""Decodes an address; raises anything for one that isn't valid."""

_SHAPE = re.compile(r"[!-~]{10,200}", re.ASCII)
_EVM_SINGLE_CASE = re.compile(r"0x(?:[0-9a-f]{40}|[0-9A-F]{40})", re.ASCII)
_UINT32 = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)

_MAX_COMMENT_BYTES = 120
_MAX_STELLAR_MEMO_BYTES = 28
_MAX_COSMOS_MEMO_LENGTH = 256

_TON_BYTES = 36
_TON_FLAGS = (0x11, 0x51)
_CARDANO_BASE_BYTES, _CARDANO_ENTERPRISE_BYTES = 57, 29


def check_address(network: str, address: str) -> None:
    """Raise InvalidAddress unless `address` can be paid to on `network`."""
    forms = _FORMS.get(network)
    if forms is None:
        raise InvalidAddress(f"no addresses are known on {network!r}")
    if _SHAPE.fullmatch(address) is None:
        raise InvalidAddress("an address is 10 to 200 printable ASCII characters")
    if not any(_accepts(form, address) for form in forms):
        raise InvalidAddress(f"not an address on {network}")


def check_tag(network: str, tag: str | None) -> None:
    """Raise InvalidAddress unless `tag` is one of `network`'s, or None.

    Whether an address needs a tag only its owner knows, so None is always fine; on networks without
    tags it is all there is.
    """
    if tag is None:
        return
    check = _TAGS.get(network)
    if check is None or not check(tag):
        raise InvalidAddress(f"not a tag on {network}")


def _accepts(form: Check, address: str) -> bool:
    try:
        form(address)
    except Exception:  # noqa: BLE001  the decoders raise all sorts for what they can't decode
        return False
    return True


def _require(truth: object) -> None:
    if not truth:
        raise ValueError


def _base58(key_version: bytes, script_version: bytes) -> tuple[Check, Check]:
    """Return the checks of pay-to-public-key-hash and pay-to-script-hash addresses."""
    return (
        lambda address: P2PKHAddrDecoder.DecodeAddr(address, net_ver=key_version),
        lambda address: P2SHAddrDecoder.DecodeAddr(address, net_ver=script_version),
    )


def _segwit(prefix: str) -> Check:
    """Return the check of segwit addresses of versions 0 and 1 (BIP 173, BIP 350)."""

    def check(address: str) -> None:
        version, program = SegwitBech32Decoder.Decode(prefix, address)
        _require(version in (0, 1))
        _require(len(program) == 32 or (version == 0 and len(program) == 20))

    return check


def _cash_address(address: str) -> None:
    """Check a CashAddr, with its prefix or without; the legacy form is Bitcoin's and is refused."""
    prefixed = address if ":" in address else f"bitcoincash:{address}"
    for decoder, version in ((BchP2PKHAddrDecoder, b"\x00"), (BchP2SHAddrDecoder, b"\x08")):
        if _accepts(
            lambda text, decoder=decoder, version=version: decoder.DecodeAddr(  # type: ignore[misc]
                text, hrp="bitcoincash", net_ver=version
            ),
            prefixed,
        ):
            return
    raise ValueError


def _evm(address: str) -> None:
    """Check 20 hex bytes: of a single case, or with the right checksum (EIP-55); not zero."""
    single_case = _EVM_SINGLE_CASE.fullmatch(address) is not None
    decoded = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case)
    _require(any(decoded))


def _tron(address: str) -> None:
    _require(any(TrxAddrDecoder.DecodeAddr(address)))


def _monero(address: str) -> None:
    """Check a standard, integrated or sub-address of the main network."""
    _require(monero_address(address).net == NET_MAIN)


def _solana(address: str) -> None:
    """Check 32 bytes of base58; the system program's address is a sink for lost money."""
    _require(any(bytes(Pubkey.from_string(address))))


def _ton(address: str) -> None:
    """Check a user-friendly address of the main network (TEP-2).

    The raw form has no checksum, and a slip of the finger in it would lose the money: refused.
    """
    decoded = base64.b64decode(address.translate(_URL_SAFE), validate=True)
    _require(len(decoded) == _TON_BYTES and decoded[0] in _TON_FLAGS)
    _require(decoded[1] in (0x00, 0xFF))
    _require(binascii.crc_hqx(decoded[:-2], 0) == int.from_bytes(decoded[-2:], "big"))


_URL_SAFE = str.maketrans("-_", "+/")


def _cardano(address: str) -> None:
    """Check a Shelley base or enterprise address of the main network (CIP-19)."""
    decoded = Bech32Decoder.Decode("addr", address)
    kind, network = decoded[0] >> 4, decoded[0] & 0x0F
    _require(network == 1)
    sizes = {_CARDANO_BASE_BYTES: range(4), _CARDANO_ENTERPRISE_BYTES: (6, 7)}
    _require(kind in sizes[len(decoded)])


def _stellar(address: str) -> None:
    XlmAddrDecoder.DecodeAddr(address, addr_type=XlmAddrTypes.PUB_KEY)


_EVM = (_evm,)

_FORMS: Final[Mapping[str, tuple[Check, ...]]] = {
    "Bitcoin": (_segwit("bc"), *_base58(b"\x00", b"\x05")),
    "Ethereum": _EVM,
    # Script addresses that begin with 3 are Bitcoin's too, so only those with M are taken.
    "Litecoin": (_segwit("ltc"), *_base58(b"\x30", b"\x32")),
    "Dogecoin": _base58(b"\x1e", b"\x16"),
    "Bitcoin Cash": (_cash_address,),
    "Tron": (_tron,),
    "Monero": (_monero,),
    "XRP Ledger": (XrpAddrDecoder.DecodeAddr,),
    "Solana": (_solana,),
    "TON": (_ton,),
    "BNB Smart Chain": _EVM,
    "Polygon": _EVM,
    "Cardano": (_cardano, AdaByronAddrDecoder.DecodeAddr),
    "Stellar": (_stellar,),
    "Arbitrum": _EVM,
    "Base": _EVM,
    "Avalanche": _EVM,
    "Dash": _base58(b"\x4c", b"\x10"),
    "Zcash": _base58(b"\x1c\xb8", b"\x1c\xbd"),
    "Cosmos": (lambda address: AtomAddrDecoder.DecodeAddr(address, hrp="cosmos"),),
}

NETWORKS: Final = frozenset(_FORMS)


def _is_uint32(tag: str) -> bool:
    return _UINT32.fullmatch(tag) is not None and int(tag) < 2**32


def _is_text(tag: str, most: int) -> bool:
    return 1 <= len(tag) <= most and tag.isprintable() and tag == tag.strip()


def _is_stellar_memo(tag: str) -> bool:
    return _is_text(tag, _MAX_STELLAR_MEMO_BYTES) and len(tag.encode()) <= _MAX_STELLAR_MEMO_BYTES


_TAGS: Final[Mapping[str, Callable[[str], bool]]] = {
    "XRP Ledger": _is_uint32,
    "TON": lambda tag: _is_text(tag, _MAX_COMMENT_BYTES),
    "Stellar": _is_stellar_memo,
    "Cosmos": lambda tag: _is_text(tag, _MAX_COSMOS_MEMO_LENGTH),
}
