"""Rotate a partner's secrets: the old ones stop working at once."""

from collections.abc import Collection
from uuid import UUID

from domain.actions.partners.ports import RotationPorts
from domain.errors import InvalidRequest, RotationConflict, Unavailable
from domain.partners.credentials import NewSecrets, SecretName, new_secret

LEARNING_SECONDS = 1.0
"""Within that every process has read a changed record, whoever tells it (see Watchers)."""


async def rotate_keys(
    ports: RotationPorts, partner_id: UUID, *, generation: int, names: Collection[SecretName]
) -> NewSecrets:
    """Replace the named secrets and return the only sight of the new ones.

    `generation` is the one the caller's signature was verified with: what has been replaced since
    raises RotationConflict. Raises InvalidRequest for no names or repeated ones, and Unavailable.

    When this returns, calls signed with an old apiSecret are refused everywhere: the gate knows, or
    else the time has passed in which every process learns by itself.
    """
    if not names or len(set(names)) != len(names):
        raise InvalidRequest("one or both secrets are rotated, each named once")
    secrets = NewSecrets(
        api_secret=new_secret(ports.randomness) if SecretName.API in names else None,
        webhook_secret=new_secret(ports.randomness) if SecretName.WEBHOOK in names else None,
    )
    if not await ports.secrets.replace(partner_id, secrets, generation=generation):
        raise RotationConflict(f"the secrets of partner {partner_id} have been rotated meanwhile")
    try:
        await ports.outdate(partner_id, generation + 1)
    except Unavailable:  # the old secret is gone: whatever happens, the new one must be told
        await ports.changed(partner_id)
        await ports.pause(LEARNING_SECONDS)
    else:
        await ports.changed(partner_id)
    return secrets
