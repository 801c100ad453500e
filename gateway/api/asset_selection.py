"""How requests name assets: by code, or by chain and contract."""

from typing import Annotated

import msgspec

from domain.asset_reference import (
    DESTINATION,
    SOURCE,
    AssetFields,
    AssetReference,
    AssetSelector,
)
from domain.errors import InvalidRequest
from domain.reasons import Reason
from domain.wire import AssetIn


class AssetReferenceIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An asset by chain and contract, in place of its code; `chain` or `chainId` is required."""

    # Unknown fields are rejected: a misspelled `contract` would name the chain's own coin.

    chain: Annotated[
        str | None,
        msgspec.Meta(
            description="The chain's name, or `evmGeneric` with a `chainId`.",
            examples=["ethereum"],
        ),
    ] = None
    chain_id: Annotated[
        int | None,
        msgspec.Meta(description="The chain id of EIP-155; null for other chains.", examples=[1]),
    ] = msgspec.field(name="chainId", default=None)
    contract: Annotated[
        str | None,
        msgspec.Meta(
            description="The token's contract; null for the chain's own coin.",
            examples=["0xdAC17F958D2ee523a2206206994597C13D831ec7"],
        ),
    ] = None


class SwapSidesIn(msgspec.Struct, frozen=True, kw_only=True):
    """The two assets of a swap, each in exactly one of the two forms."""

    source_code: AssetIn | None = msgspec.field(name="fromCcy", default=None)
    destination_code: AssetIn | None = msgspec.field(name="toCcy", default=None)
    source_reference: AssetReferenceIn | None = msgspec.field(name="from", default=None)
    destination_reference: AssetReferenceIn | None = msgspec.field(name="to", default=None)

    def sides(self) -> tuple[AssetSelector, AssetSelector]:
        """Return source and destination; raise InvalidRequest for both forms of one, or neither."""
        source, destination = self.source_code, self.destination_code
        only_codes = self.source_reference is None and self.destination_reference is None
        if only_codes and source is not None and destination is not None:
            return source, destination
        return (
            selected_asset(source, self.source_reference, SOURCE),
            selected_asset(destination, self.destination_reference, DESTINATION),
        )


def selected_asset(
    code: str | None, reference: AssetReferenceIn | None, fields: AssetFields
) -> AssetSelector:
    """Return the asset that a request names; raise InvalidRequest for both forms or neither.

    `fields` are those of the two forms.
    """
    if reference is None:
        if code is None:
            raise InvalidRequest("an asset is missing", field=fields.code, reason=Reason.MISSING)
        return code
    if code is not None:
        raise InvalidRequest(
            "an asset is named in two forms", field=fields.reference, reason=Reason.CONFLICT
        )
    try:
        return AssetReference(reference.chain, reference.chain_id, reference.contract)
    except InvalidRequest as error:
        error.name_field(fields.reference)
        raise
