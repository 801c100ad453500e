"""Addresses of EVM networks as bytes and back (EIP-55)."""

from bip_utils import EthAddrDecoder
from bip_utils.utils.crypto import Kekkak256


def checksummed(address: str) -> str:
    """Return an address with its checksum (EIP-55), as derivation writes it."""
    plain = address[2:].lower()
    digest = Kekkak256.QuickDigest(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(check, 16) >= 8 else letter
        for letter, check in zip(plain, digest, strict=False)
    )


def address_bytes(address: str) -> bytes:
    """Return the 20 bytes of an address; raise ValueError for a wrong checksum."""
    single_case = address[2:] in (address[2:].lower(), address[2:].upper())
    decoded: str = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case).hex()
    return bytes.fromhex(decoded)
