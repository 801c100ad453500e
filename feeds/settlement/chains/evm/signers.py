"""Signers of an EVM hot wallet: a key file, or a command that holds the key."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from domain.errors import Unavailable
from feeds.key_file import read_key
from feeds.settlement.chains.evm.transaction import Transaction, address_of_key, sign

COMMAND_SECONDS: Final = 30.0


class SignerFailed(Unavailable):
    """The external signer did not return a signed transaction."""


class KeyFile:
    """EvmSigner with a private key of 32 bytes in hex, in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Read the key; raise InvalidKeyFile."""
        self._key = read_key(path)

    def __repr__(self) -> str:
        """Hide the key."""
        return "KeyFile(...)"

    async def address(self) -> bytes:
        """See EvmSigner."""
        return address_of_key(self._key)

    async def sign(self, transaction: Transaction) -> bytes:
        """See EvmSigner."""
        return sign(transaction, self._key)


class SignRequest(msgspec.Struct, rename="camel"):
    """What an external signer reads from stdin, as one JSON document; numbers in hex."""

    chain_id: str
    nonce: str
    max_priority_fee_per_gas: str
    max_fee_per_gas: str
    gas: str
    to: str
    value: str
    data: str
    sender: str = msgspec.field(name="from")


class SignResponse(msgspec.Struct):
    """What an external signer writes to stdout: the signed transaction in hex."""

    raw: str


class SignerCommand:
    """EvmSigner over a command: JSON on stdin, JSON on stdout, exit status 0."""

    def __init__(self, arguments: list[str], address: bytes) -> None:
        self._arguments = arguments
        self._address = address

    async def address(self) -> bytes:
        """See EvmSigner."""
        return self._address

    async def sign(self, transaction: Transaction) -> bytes:
        """See EvmSigner. Raises SignerFailed."""
        request = SignRequest(
            chain_id=hex(transaction.chain_id),
            nonce=hex(transaction.nonce),
            max_priority_fee_per_gas=hex(transaction.max_priority_fee),
            max_fee_per_gas=hex(transaction.max_fee),
            gas=hex(transaction.gas),
            to="0x" + transaction.to.hex(),
            value=hex(transaction.value),
            data="0x" + transaction.data.hex(),
            sender="0x" + self._address.hex(),
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                response = await self._run(msgspec.json.encode(request))
            return bytes.fromhex(msgspec.json.decode(response, type=SignResponse).raw[2:])
        except (OSError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            raise SignerFailed(f"the external signer failed: {type(error).__name__}") from error

    async def _run(self, request: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            response, _ = await process.communicate(request)
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise SignerFailed(f"the external signer exited with status {process.returncode}")
        return response
