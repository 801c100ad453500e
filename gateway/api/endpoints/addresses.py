"""/v1/address/validate: whether an address can receive an asset."""

from typing import Annotated

import msgspec

from domain.actions.chains.validate_address import validate_address
from domain.asset_reference import ONLY_ASSET
from domain.chains.addresses import AddressProblem
from domain.errors import InvalidRequest, Unavailable
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from domain.wire import AssetIn, one_of
from gateway.api import examples
from gateway.api.asset_selection import AssetReferenceIn, selected_asset
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import Decoder, success


class ValidateAddressIn(msgspec.Struct, frozen=True, kw_only=True):
    """The asset, in exactly one of its two forms, and the address that is to receive it."""

    code: AssetIn | None = msgspec.field(name="ccy", default=None)
    reference: AssetReferenceIn | None = msgspec.field(name="asset", default=None)
    address: str
    tag: str | None = None


class ValidAddressOut(msgspec.Struct, frozen=True):
    """Whether the address, with its tag, can receive the asset, and why not.

    `TAG_REQUIRED` is reserved.
    """

    valid: bool
    reason: Annotated[str, one_of(AddressProblem, name="AddressProblem")] | None


_decode = Decoder(ValidateAddressIn)


async def validate(services: Services, request: Request) -> bytes:
    """Tell whether an address can receive an asset. A valid one may still belong to somebody else.

    Unsigned calls are limited per client address, like quotes.
    """
    body = _decode(request.body)
    problem = await validate_address(
        services.market.catalogue,
        services.own_addresses,
        asset=selected_asset(body.code, body.reference, ONLY_ASSET),
        address=body.address,
        tag=body.tag,
    )
    return success(ValidAddressOut(problem is None, problem.value if problem else None))


ENDPOINTS = (
    Endpoint(
        "/address/validate",
        "POST",
        Call.VALIDATE_ADDRESS,
        auth_required=False,
        scopes=FULL_OR_TRADE,
        handle=validate,
        summary="Validate an address",
        request_type=ValidateAddressIn,
        response_type=ValidAddressOut,
        errors=(InvalidRequest, Unavailable),
        example=examples.VALIDATE_ADDRESS,
        any_origin=True,
    ),
)
