"""/v1/keys/rotate: new secrets for the caller."""

from typing import Annotated

import msgspec

from domain.actions.partners.rotate_keys import rotate_keys
from domain.errors import InvalidRequest, RotationConflict, Unavailable
from domain.partners.credentials import SecretName
from domain.partners.weights import Call
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import Decoder, success

ONE_OR_BOTH = msgspec.Meta(
    min_length=1, max_length=len(SecretName), extra_json_schema={"uniqueItems": True}
)


class RotateKeysIn(msgspec.Struct, frozen=True):
    """Which secrets to replace: one or both, each named once."""

    rotate: Annotated[list[SecretName], ONE_OR_BOTH]


class RotatedKeysOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The new secrets, shown this once; only those that were replaced."""

    api_secret: str | msgspec.UnsetType = msgspec.UNSET
    webhook_secret: str | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "RotatedKeysOut(...)"


_decode = Decoder(RotateKeysIn)


async def rotate(services: Services, received: Request) -> bytes:
    """Replace secrets of the caller.

    The old apiSecret is refused everywhere from this answer on; the new webhookSecret signs every
    delivery attempt from then on. Of several rotations at once one wins.
    """
    asked = _decode(received.body)
    access = received.signed_by.access
    new = await rotate_keys(
        services.rotation, access.partner_id, generation=access.generation, names=asked.rotate
    )
    return success(
        RotatedKeysOut(
            api_secret=new.api_secret or msgspec.UNSET,
            webhook_secret=new.webhook_secret or msgspec.UNSET,
        )
    )


ENDPOINTS = (
    Endpoint(
        "/keys/rotate",
        "POST",
        Call.KEYS_ROTATE,
        auth_required=True,
        handle=rotate,
        summary="Replace secrets",
        takes=RotateKeysIn,
        gives=RotatedKeysOut,
        refusals=(InvalidRequest, RotationConflict, Unavailable),
        example=examples.ROTATE_KEYS,
    ),
)
