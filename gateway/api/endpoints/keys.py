"""/v1/keys/rotate: replace the caller's secrets."""

from typing import Annotated

import msgspec

from domain.actions.partners.rotate_keys import rotate_keys
from domain.errors import InvalidRequest, RotationConflict, Unavailable
from domain.partners.api_keys import MAX_OVERLAP_SECONDS
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


OverlapIn = Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP_SECONDS)]
StandardSecret = Annotated[
    str,
    msgspec.Meta(
        pattern="^whsec_", description="The webhookSecret as Standard Webhooks libraries take it."
    ),
]


class RotateKeysIn(msgspec.Struct, frozen=True):
    """The secrets to replace: one or both, without repeats.

    The apiSecret until now stays valid for `overlapSeconds`; without it, not at all.
    """

    rotate: Annotated[list[SecretName], ONE_OR_BOTH]
    overlap_seconds: OverlapIn | None = msgspec.field(name="overlapSeconds", default=None)


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
    """Replace the apiSecret of the calling key, the webhookSecret, or both.

    From this response on, the old apiSecret is rejected by every server, or once `overlapSeconds`
    have passed, and every delivery attempt is signed with the new webhookSecret. Other keys of the
    partner keep their apiSecret. Of concurrent rotations only one succeeds, and a call that is
    signed with the apiSecret before the last rotation returns code 14.
    """
    body, caller = _decode(request.body), request.signed_caller
    if caller.with_previous:
        raise RotationConflict("the call is signed with a secret that has been rotated")
    new = await rotate_keys(
        services.rotation_ports,
        caller.partner.id,
        caller.key.id,
        generation=caller.key.generation,
        names=body.rotate,
        overlap_seconds=body.overlap_seconds or 0,
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
