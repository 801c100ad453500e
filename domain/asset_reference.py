"""References to assets by chain and contract, and the index that finds what they refer to."""

from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason

ANY_EVM_CHAIN: Final = "evmGeneric"
"""The chain of a reference whose chain id alone names an EVM network."""


class AssetReference(msgspec.Struct, frozen=True, gc=False):
    """An asset by its chain and, for a token, its contract.

    `chain` is the chain's name, or ANY_EVM_CHAIN; `chain_id` is that of EIP-155. One of them is
    enough, and both must be of the same chain. `contract` is None for the chain's own coin; those
    of EVM chains are compared case-insensitively. Raises InvalidRequest if it names no chain.
    """

    chain: str | None = None
    chain_id: int | None = None
    contract: str | None = None

    def __post_init__(self) -> None:
        if self.chain_id is None and self.chain in (None, ANY_EVM_CHAIN):
            raise InvalidRequest(
                "a reference to an asset needs a chain, or the id of an EVM chain",
                reason=Reason.MISSING,
            )


AssetSelector = str | AssetReference
"""An asset by its code, or by its chain and contract."""


class AssetFields(NamedTuple):
    """The fields of a request that name an asset in either form, as errors state them."""

    code: str
    reference: str

    def naming(self, asset: AssetSelector) -> str:
        """Return the field that an asset is named by."""
        return self.code if isinstance(asset, str) else self.reference


SOURCE: Final = AssetFields("fromCcy", "from")
DESTINATION: Final = AssetFields("toCcy", "to")
ONLY_ASSET: Final = AssetFields("ccy", "asset")
"""Those of requests about one asset."""


class OnChain(Protocol):
    """What a reference is compared with, as in Asset."""

    @property
    def chain(self) -> str:
        """Return the chain's name."""

    @property
    def chain_id(self) -> int | None:
        """Return the chain id of EIP-155; None for other chains."""

    @property
    def contract(self) -> str | None:
        """Return the contract; None for the chain's own coin."""


A = TypeVar("A", bound=OnChain)


class AssetIndex(Generic[A]):
    """Finds assets by references; computed once for each catalogue."""

    def __init__(self, assets: Iterable[A]) -> None:
        self._by_chain: dict[tuple[str | int, str | None], A] = {}
        for asset in assets:
            contract = _comparable(asset.contract, is_evm=asset.chain_id is not None)
            self._by_chain[asset.chain, contract] = asset
            if asset.chain_id is not None:
                self._by_chain[asset.chain_id, contract] = asset

    def find(self, reference: AssetReference) -> A | None:
        """Return the asset that a reference names; None if there is none."""
        chain, chain_id = reference.chain, reference.chain_id
        key: str | int | None = chain
        if chain is None or chain == ANY_EVM_CHAIN:
            key = chain_id
        if key is None:
            return None
        # The contract as sent is that of a chain which tells cases apart, if there is one.
        asset = self._by_chain.get((key, reference.contract))
        if asset is None:
            lowered = _comparable(reference.contract, is_evm=True)
            asset = self._by_chain.get((key, lowered))
            if asset is None or asset.chain_id is None:
                return None
        return asset if chain_id is None or chain_id == asset.chain_id else None


def _comparable(contract: str | None, *, is_evm: bool) -> str | None:
    """Return a contract as it is compared: those of EVM chains are hex of any case (EIP-55)."""
    return contract.lower() if contract is not None and is_evm else contract
