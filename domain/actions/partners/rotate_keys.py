"""Rotate secrets: the old ones become invalid immediately, or after an overlap."""

from collections.abc import Collection
from uuid import UUID

from domain.actions.partners.ports import RotationPorts
from domain.errors import InvalidRequest, RotationConflict
from domain.partners.api_keys import checked_overlap
from domain.partners.credentials import NewSecrets, SecretName, new_secret
from domain.reasons import Reason


async def rotate_keys(
    ports: RotationPorts,
    partner_id: UUID,
    key_id: UUID,
    *,
    generation: int,
    names: Collection[SecretName],
    overlap_seconds: int = 0,
) -> NewSecrets:
    """Replace the named secrets and return the new ones, which are not shown again.

    The apiSecret is the key's own, the webhookSecret its partner's. `generation` is the one that
    the caller's signature was verified with. Raises RotationConflict after a rotation since, and
    for a revoked key; InvalidRequest for no or repeated names, and for an overlap without an
    apiSecret or of more than a day; Unavailable.

    When this returns, calls signed with an old apiSecret are rejected everywhere, except for those
    signed with the last one during the overlap.
    """
    if not names or len(set(names)) != len(names):
        raise InvalidRequest(
            "one or both secrets are rotated, each named once",
            field="rotate",
            reason=Reason.DUPLICATE if names else Reason.MISSING,
        )
    if checked_overlap(overlap_seconds) and SecretName.API not in names:
        raise InvalidRequest(
            "only an apiSecret overlaps with the one before",
            field="overlapSeconds",
            reason=Reason.CONFLICT,
        )
    secrets = NewSecrets(
        api_secret=new_secret(ports.randomness) if SecretName.API in names else None,
        webhook_secret=new_secret(ports.randomness) if SecretName.WEBHOOK in names else None,
    )
    revision = await ports.secrets.replace(
        partner_id, key_id, secrets, generation=generation, overlap_seconds=overlap_seconds
    )
    if revision is None:
        raise RotationConflict(f"the secrets of partner {partner_id} were rotated concurrently")
    await ports.changed(partner_id, revision=revision)
    return secrets
