"""Sandbox accounts whose addresses have no known private key, for chains without derivation.

A live installation imports a pool of addresses instead.
"""

import hashlib
import re
from typing import Final

from solders.pubkey import Pubkey

from domain.chains.network import AccountForm
from domain.chains.pay_in import PayInAccount
from feeds.settlement.addresses.scheme import AccountScheme, AddressSource, rejected

_PREFIX = "sandbox:"
_MAX_INDEX = 2**63
_HEX_32 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _source(account: PayInAccount, _: AccountForm) -> AddressSource:
    """Return points of ed25519 found by hashing.

    SHA-256 of value, index and attempt, until it decodes to a point: about every second one does.
    """
    value = _read(account.public_key)

    def at(index: int) -> tuple[str, str | None]:
        start = hashlib.sha256(value + index.to_bytes(8, "big"))
        attempt = 0
        while True:
            digest = start.copy()
            digest.update(attempt.to_bytes(4, "big"))
            point = Pubkey(digest.digest())
            if point.is_on_curve():
                return str(point), None
            attempt += 1

    return AddressSource(at, _MAX_INDEX)


def _read(text: str) -> bytes:
    value = text.removeprefix(_PREFIX)
    if value == text or _HEX_32.fullmatch(value) is None:
        raise rejected(f"{_PREFIX} and 32 bytes in hex")
    return bytes.fromhex(value)


def _sandbox_key(seed: bytes, _: AccountForm) -> str:
    return f"{_PREFIX}{seed.hex()}"


SCHEME: Final = AccountScheme(_source, _sandbox_key)
