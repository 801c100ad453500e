"""/v1/keys/rotate: replace the caller's secrets."""

from typing import Annotated

import msgspec

from domain.actions.partners.rotate_keys import rotate_keys
from domain.errors import InvalidRequest, RotationConflict, Unavailable
from domain.partners.credentials import SecretName
from domain.partners.scopes import FULL_ONLY
from domain.partners.weights import Call
from domain.webhooks.signatures import standard_secret
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Request, Services
from gateway.codec import Decoder, success

ONE_OR_BOTH = msgspec.Meta(
    min_length=1, max_length=len(SecretName), extra_json_schema={"uniqueItems": True}
)


StandardSecret = Annotated[
    str,
    msgspec.Meta(
        pattern="^whsec_", description="The webhookSecret as Standard Webhooks libraries take it."
    ),
]


class RotateKeysIn(msgspec.Struct, frozen=True):
    """The secrets to replace: one or both, without repeats."""

    rotate: Annotated[list[SecretName], ONE_OR_BOTH]


class RotatedKeysOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The secrets that were replaced. They are returned only once."""

    api_secret: str | msgspec.UnsetType = msgspec.UNSET
    webhook_secret: str | msgspec.UnsetType = msgspec.UNSET
    standard_webhook_secret: StandardSecret | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "RotatedKeysOut(...)"


_decode = Decoder(RotateKeysIn)


async def rotate(services: Services, request: Request) -> bytes:
    """Replace the apiSecret, the webhookSecret or both.

    From this response on, the old apiSecret is rejected by every server, and every delivery attempt
    is signed with the new webhookSecret. Of concurrent rotations only one succeeds.
    """
    body = _decode(request.body)
    partner = request.signed_caller.partner
    new = await rotate_keys(
        services.rotation_ports, partner.id, generation=partner.generation, names=body.rotate
    )
    return success(
        RotatedKeysOut(
            api_secret=new.api_secret or msgspec.UNSET,
            webhook_secret=new.webhook_secret or msgspec.UNSET,
            standard_webhook_secret=(
                standard_secret(new.webhook_secret) if new.webhook_secret else msgspec.UNSET
            ),
        )
    )


ENDPOINTS = (
    Endpoint(
        "/keys/rotate",
        "POST",
        Call.KEYS_ROTATE,
        auth_required=True,
        scopes=FULL_ONLY,
        handle=rotate,
        summary="Replace secrets",
        request_type=RotateKeysIn,
        response_type=RotatedKeysOut,
        errors=(InvalidRequest, RotationConflict, Unavailable),
        example=examples.ROTATE_KEYS,
    ),
)
