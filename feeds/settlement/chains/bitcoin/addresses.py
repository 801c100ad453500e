"""The addresses of a node's wallet, in the mainnet form that this installation stores."""

from collections.abc import Mapping
from typing import Final

from domain.chains.networks.bitcoin import BitcoinNetwork
from feeds.settlement.chains.bitcoin.scripts import address_of
from feeds.settlement.chains.rpc import Rpc

BATCH: Final = 100


class WalletAddresses:
    """Reads a wallet's addresses; each is translated once."""

    def __init__(self, rpc: Rpc, *, network: BitcoinNetwork) -> None:
        self._rpc = rpc
        self._network = network
        self._translated: dict[str, str | None] = {}

    async def read(self) -> frozenset[str]:
        """Return those that were handed out, and those that hold or held coins, such as change.

        What the wallet could still derive is not among them: nobody else knows it.
        """
        new = sorted(await self._names() - self._translated.keys())
        for start in range(0, len(new), BATCH):
            self._translated |= await self._translate(new[start : start + BATCH])
        return frozenset(one for one in self._translated.values() if one is not None)

    async def _names(self) -> frozenset[str]:
        """Return the addresses as the node writes them, which on a test network differs."""
        received = await self._rpc.call("listreceivedbyaddress", 0, True)
        groups = await self._rpc.call("listaddressgroupings")
        unspent = await self._rpc.call("listunspent", 0)
        return frozenset(
            [
                *(one["address"] for one in received),
                *(entry[0] for group in groups for entry in group),
                *(one["address"] for one in unspent if "address" in one),
            ]
        )

    async def _translate(self, names: list[str]) -> Mapping[str, str | None]:
        found = await self._rpc.batch("validateaddress", [[name] for name in names])
        scripts = [(one or {}).get("scriptPubKey", "") for one in found]
        return {
            name: address_of(self._network, bytes.fromhex(script))
            for name, script in zip(names, scripts, strict=True)
            if script
        }
