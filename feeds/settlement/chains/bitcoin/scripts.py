"""Addresses of Bitcoin and its forks as scripts and back, and unsigned transactions."""

from collections.abc import Sequence
from typing import Final

from bip_utils import Base58Decoder, Base58Encoder, SegwitBech32Decoder, SegwitBech32Encoder

from domain.chains.networks.bitcoin import BitcoinNetwork
from domain.errors import InvalidAddress
from domain.reasons import Reason

_VERSION: Final = (2).to_bytes(4, "little")
_NO_LOCK_TIME: Final = bytes(4)
_UNSIGNED_REPLACEABLE: Final = b"\x00\xfd\xff\xff\xff"
"""An empty script, and a sequence that allows replacement by a higher fee (BIP 125)."""

_P2PKH = (b"\x76\xa9\x14", b"\x88\xac")  # OP_DUP OP_HASH160 20 bytes OP_EQUALVERIFY OP_CHECKSIG
_P2SH = (b"\xa9\x14", b"\x87")  # OP_HASH160 20 bytes OP_EQUAL


def script_of(network: BitcoinNetwork, address: str) -> bytes:
    """Return the output script that pays to a mainnet address; raise InvalidAddress."""
    prefix = network.segwit_prefix
    if prefix is not None and address.lower().startswith(f"{prefix}1"):
        witness, program = SegwitBech32Decoder.Decode(prefix, address)
        return bytes((witness + 0x50 if witness else 0, len(program))) + bytes(program)
    decoded: bytes = Base58Decoder.CheckDecode(address)
    version, payload = decoded[:-20], decoded[-20:]
    for known, (before, after) in ((network.key_version, _P2PKH), (network.script_version, _P2SH)):
        if version == known:
            return before + payload + after
    raise InvalidAddress(f"not an address on {network.name}", reason=Reason.FORMAT)


def address_of(network: BitcoinNetwork, script: bytes) -> str | None:
    """Return the mainnet address that a script pays to, or None if it has no address.

    Scripts of a test network are the same, so its coins are found by mainnet addresses.
    """
    if len(script) == 25 and script[:3] == _P2PKH[0] and script[23:] == _P2PKH[1]:
        return _base58(network.key_version + script[3:23])
    if len(script) == 23 and script[:2] == _P2SH[0] and script[22:] == _P2SH[1]:
        return _base58(network.script_version + script[2:22])
    if network.segwit_prefix is not None and _is_segwit(script):
        version = script[0] - 0x50 if script[0] else 0
        address: str = SegwitBech32Encoder.Encode(network.segwit_prefix, version, script[2:])
        return address
    return None


def _is_segwit(script: bytes) -> bool:
    """Return whether a script is a witness program of version 0 or 1 (BIP 141, BIP 341)."""
    return (
        len(script) in (22, 34)
        and script[1] == len(script) - 2
        and (script[0] == 0 or (script[0] == 0x51 and len(script) == 34))
    )


def _base58(payload: bytes) -> str:
    text: str = Base58Encoder.CheckEncode(payload)
    return text


def unsigned(script: bytes, amount: int, coins: Sequence[tuple[str, int]] = ()) -> bytes:
    """Return a transaction of version 2 that pays `amount` to a script of less than 253 bytes.

    `coins` are the outputs it spends, as transaction id and output index: fewer than 65,536, each
    with a sequence that allows a higher fee later (BIP 125).
    """
    count = bytes((len(coins),)) if len(coins) < 253 else b"\xfd" + len(coins).to_bytes(2, "little")
    inputs = b"".join(
        bytes.fromhex(tx_id)[::-1] + index.to_bytes(4, "little") + _UNSIGNED_REPLACEABLE
        for tx_id, index in coins
    )
    output = b"\x01" + amount.to_bytes(8, "little") + bytes((len(script),)) + script
    return _VERSION + count + inputs + output + _NO_LOCK_TIME
