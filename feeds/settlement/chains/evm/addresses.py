"""Addresses of EVM networks as bytes."""

from bip_utils import EthAddrDecoder


def address_bytes(address: str) -> bytes:
    """Return the 20 bytes of an address; raise ValueError for a wrong checksum."""
    single_case = address[2:] in (address[2:].lower(), address[2:].upper())
    decoded: str = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case).hex()
    return bytes.fromhex(decoded)
