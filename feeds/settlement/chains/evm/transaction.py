"""Transactions of EVM networks (EIP-1559): encoding, signatures, and who signed."""

from collections.abc import Sequence
from typing import Final

import coincurve
import msgspec
from bip_utils.utils.crypto import Kekkak256

TYPE: Final = b"\x02"

Item = bytes | Sequence["Item"]


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that are signed; amounts in wei, `to` as 20 bytes."""

    chain_id: int
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas: int
    to: bytes
    value: int
    data: bytes = b""

    def fields(self) -> list[Item]:
        """Return the fields in the order of EIP-1559; the access list is empty."""
        numbers = (self.chain_id, self.nonce, self.max_priority_fee, self.max_fee, self.gas)
        return [*map(_number, numbers), self.to, _number(self.value), self.data, []]

    def digest(self) -> bytes:
        """Return the Keccak-256 of the type and the fields, which is signed."""
        return keccak(TYPE + rlp(self.fields()))


def sign(transaction: Transaction, key: bytes) -> bytes:
    """Return the signed transaction; `key` is a private key of 32 bytes."""
    signature = coincurve.PrivateKey(key).sign_recoverable(transaction.digest(), hasher=None)
    r, s, parity = signature[:32], signature[32:64], signature[64]
    numbers = (parity, int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    return TYPE + rlp([*transaction.fields(), *map(_number, numbers)])


def signer_of(transaction: Transaction, raw: bytes) -> bytes | None:
    """Return the 20 bytes of the signer's address if `raw` is exactly this transaction, else None.

    The signature follows the fields: encoding both again must give the same bytes.
    """
    for parity in (0, 1):
        for r_size in range(32, 24, -1):
            for s_size in range(32, 24, -1):
                r, s = raw[-(s_size + 1 + r_size) : -(s_size + 1)], raw[-s_size:]
                numbers = (parity, int.from_bytes(r, "big"), int.from_bytes(s, "big"))
                if TYPE + rlp([*transaction.fields(), *map(_number, numbers)]) != raw:
                    continue
                signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes((parity,))
                key = coincurve.PublicKey.from_signature_and_message(
                    signature, transaction.digest(), hasher=None
                )
                return keccak(key.format(compressed=False)[1:])[-20:]
    return None


def address_of_key(key: bytes) -> bytes:
    """Return the 20 bytes of a private key's address."""
    return keccak(coincurve.PrivateKey(key).public_key.format(compressed=False)[1:])[-20:]


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 of some bytes."""
    digest: bytes = Kekkak256.QuickDigest(data)
    return digest


def rlp(item: Item) -> bytes:
    """Return the recursive length prefix encoding (Ethereum's yellow paper, appendix B)."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _length(len(item), 0x80) + item
    body = b"".join(rlp(one) for one in item)
    return _length(len(body), 0xC0) + body


def _length(size: int, offset: int) -> bytes:
    if size < 56:
        return bytes((offset + size,))
    encoded = _number(size)
    return bytes((offset + 55 + len(encoded),)) + encoded


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
