"""Addresses of bitcoin's family as scripts and back, and the transactions that scripts stand in."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from bip_utils import Base58Decoder, Base58Encoder, SegwitBech32Decoder, SegwitBech32Encoder

from domain.errors import InvalidAddress


class Form(msgspec.Struct, frozen=True):
    """How a main network writes its addresses; no prefix where it has no segwit."""

    prefix: str | None
    key_version: bytes
    script_version: bytes


FORMS: Final[Mapping[str, Form]] = {
    "Bitcoin": Form("bc", b"\x00", b"\x05"),
    "Litecoin": Form("ltc", b"\x30", b"\x32"),
    "Dogecoin": Form(None, b"\x1e", b"\x16"),
    "Dash": Form(None, b"\x4c", b"\x10"),
}

_VERSION: Final = (2).to_bytes(4, "little")
_NO_LOCK_TIME: Final = bytes(4)
_UNSIGNED_REPLACEABLE: Final = b"\x00\xfd\xff\xff\xff"
"""No script yet, and a sequence that lets the fee be raised."""

_P2PKH = (b"\x76\xa9\x14", b"\x88\xac")  # OP_DUP OP_HASH160 20 bytes OP_EQUALVERIFY OP_CHECKSIG
_P2SH = (b"\xa9\x14", b"\x87")  # OP_HASH160 20 bytes OP_EQUAL


def script_of(network: str, address: str) -> bytes:
    """Return the output script that pays to a main network's address; raise InvalidAddress."""
    form = FORMS[network]
    if form.prefix is not None and address.lower().startswith(f"{form.prefix}1"):
        witness, program = SegwitBech32Decoder.Decode(form.prefix, address)
        return bytes((witness + 0x50 if witness else 0, len(program))) + bytes(program)
    decoded: bytes = Base58Decoder.CheckDecode(address)
    version, payload = decoded[:-20], decoded[-20:]
    for known, (before, after) in ((form.key_version, _P2PKH), (form.script_version, _P2SH)):
        if version == known:
            return before + payload + after
    raise InvalidAddress(f"not an address on {network}")


def address_of(network: str, script: bytes) -> str | None:
    """Return the main network's address that a script pays to, or None where it has none.

    A test network's scripts are the same: so its coins are found by the main network's addresses.
    """
    form = FORMS[network]
    if len(script) == 25 and script[:3] == _P2PKH[0] and script[23:] == _P2PKH[1]:
        return _base58(form.key_version + script[3:23])
    if len(script) == 23 and script[:2] == _P2SH[0] and script[22:] == _P2SH[1]:
        return _base58(form.script_version + script[2:22])
    if form.prefix is not None and _is_segwit(script):
        version = script[0] - 0x50 if script[0] else 0
        address: str = SegwitBech32Encoder.Encode(form.prefix, version, script[2:])
        return address
    return None


def _is_segwit(script: bytes) -> bool:
    """Tell a version 0 or 1 witness program (BIP 141, BIP 341)."""
    return (
        len(script) in (22, 34)
        and script[1] == len(script) - 2
        and (script[0] == 0 or (script[0] == 0x51 and len(script) == 34))
    )


def _base58(payload: bytes) -> str:
    text: str = Base58Encoder.CheckEncode(payload)
    return text


def unsigned(script: bytes, amount: int, coins: Sequence[tuple[str, int]] = ()) -> bytes:
    """Return a transaction of version 2 that pays to a script, which is below 253 bytes.

    `coins` are what it spends, transaction ids and numbers of outputs, each so that the fee may be
    raised (BIP 125). Of less than 65,536.
    """
    count = bytes((len(coins),)) if len(coins) < 253 else b"\xfd" + len(coins).to_bytes(2, "little")
    inputs = b"".join(
        bytes.fromhex(tx_id)[::-1] + index.to_bytes(4, "little") + _UNSIGNED_REPLACEABLE
        for tx_id, index in coins
    )
    output = b"\x01" + amount.to_bytes(8, "little") + bytes((len(script),)) + script
    return _VERSION + count + inputs + output + _NO_LOCK_TIME
