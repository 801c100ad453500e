"""Rotate a partner's secrets: the old ones become invalid immediately."""

from collections.abc import Collection
from uuid import UUID

from domain.actions.partners.ports import RotationPorts
from domain.errors import InvalidRequest, RotationConflict, Unavailable
from domain.partners.credentials import NewSecrets, SecretName, new_secret
from domain.reasons import Reason

PROPAGATION_SECONDS = 1.0
"""Every process reads a changed record within this time, even without a notification."""


async def rotate_keys(
    ports: RotationPorts, partner_id: UUID, *, generation: int, names: Collection[SecretName]
) -> NewSecrets:
    """Replace the named secrets and return the new ones, which are not shown again.

    `generation` is the one that the caller's signature was verified with. Raises RotationConflict
    after a rotation since, InvalidRequest for no or repeated names, and Unavailable.

    When this returns, calls signed with an old apiSecret are rejected everywhere: either admission
    knows the new generation, or the time has passed within which every process reads it.
    """
    if not names or len(set(names)) != len(names):
        raise InvalidRequest(
            "one or both secrets are rotated, each named once",
            field="rotate",
            reason=Reason.DUPLICATE if names else Reason.MISSING,
        )
    secrets = NewSecrets(
        api_secret=new_secret(ports.randomness) if SecretName.API in names else None,
        webhook_secret=new_secret(ports.randomness) if SecretName.WEBHOOK in names else None,
    )
    if not await ports.secrets.replace(partner_id, secrets, generation=generation):
        raise RotationConflict(f"the secrets of partner {partner_id} were rotated concurrently")
    try:
        await ports.outdate(partner_id, generation + 1)
    except Unavailable:  # the old secret is replaced already: the caller must get the new one
        await ports.changed(partner_id)
        await ports.pause(PROPAGATION_SECONDS)
    else:
        await ports.changed(partner_id)
    return secrets
