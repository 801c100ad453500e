"""Tell whether an address, with its tag, can receive an asset."""

from collections.abc import Collection
from typing import Protocol

from domain.asset_reference import ONLY_ASSET, AssetSelector
from domain.assets import Catalogue
from domain.chains.addresses import AddressProblem, address_problem, spellings
from domain.errors import InvalidRequest
from domain.reasons import Reason


class OwnAddresses(Protocol):
    """The addresses of this installation, to which no payout or refund should go."""

    async def includes_any(self, network: str, addresses: Collection[str]) -> bool:
        """Return whether one is a pay-in address or a hot wallet; raise Unavailable.

        Many calls at once cost one statement at a time.
        """


async def validate_address(
    catalogue: Catalogue,
    own: OwnAddresses,
    *,
    asset: AssetSelector,
    address: str,
    tag: str | None,
) -> AddressProblem | None:
    """Return what is wrong with the address or its tag; None if they are valid.

    What is valid here is accepted for an order, and nothing else, but for addresses of our own.
    Raises InvalidRequest for an unknown or disabled asset, and Unavailable.
    """
    found = catalogue.find(asset)
    if found is None or not found.enabled:
        raise InvalidRequest(
            f"no asset {asset}", field=ONLY_ASSET.naming(asset), reason=Reason.ASSET_UNSUPPORTED
        )
    problem = address_problem(found.network, address, tag)
    if problem is None and await own.includes_any(found.network, spellings(found.network, address)):
        return AddressProblem.OWN_ADDRESS
    return problem
