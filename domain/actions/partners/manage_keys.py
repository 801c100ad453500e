"""Create, list, label, restrict and revoke a partner's API keys."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.changes import PartnerChanged
from domain.clock import Clock
from domain.errors import KeyLimitReached, NotFound
from domain.partners.api_keys import ApiKey, CreatedKey, PartnerKeys
from domain.partners.codes import checked_label
from domain.partners.credentials import Randomness, new_api_key, new_secret
from domain.partners.scopes import Scope


class KeyRepository(Protocol):
    """API keys. Every method raises Unavailable; those that change a key return whether it exists.

    A revoked key does not exist for them.
    """

    async def add(self, partner_id: UUID, key: ApiKey, api_secret: str) -> bool:
        """Store a new key; False if the partner has its maximum number of keys."""

    async def list_of(self, partner_id: UUID) -> PartnerKeys:
        """Return the partner's keys, oldest first and revoked ones last; raise NotFound."""

    async def set_label(self, partner_id: UUID, key_id: UUID, label: str | None) -> bool:
        """Replace the label of a key."""

    async def set_ip_allowlist(
        self, partner_id: UUID, key_id: UUID, networks: Sequence[str]
    ) -> bool:
        """Accept a key's calls from these networks only; an empty list accepts any address."""

    async def set_signature_v2_only(self, partner_id: UUID, key_id: UUID, *, v2_only: bool) -> bool:
        """Reject calls signed with version 1, or accept them again."""

    async def revoke(self, partner_id: UUID, key_id: UUID, *, now: datetime) -> bool:
        """Revoke a key and destroy its secrets."""


class KeyPorts(msgspec.Struct, frozen=True):
    """Ports for managing keys. New keys are created with `signature_v2_only`."""

    clock: Clock
    keys: KeyRepository
    changed: PartnerChanged
    new_id: Callable[[], UUID]
    randomness: Randomness
    signature_v2_only: bool


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be created."""

    scope: Scope
    label: str | None = None
    ip_allowlist: Sequence[str] = ()


async def create_key(ports: KeyPorts, partner_id: UUID, new: NewKey) -> CreatedKey:
    """Store a new key; it is accepted everywhere when this returns.

    Raises InvalidCommand, KeyLimitReached, Unavailable.
    """
    now = ports.clock.now()
    key = ApiKey(
        id=ports.new_id(),
        api_key=new_api_key(ports.randomness),
        label=checked_label(new.label),
        scope=new.scope,
        ip_allowlist=new.ip_allowlist,
        signature_v2_only=ports.signature_v2_only,
        signature_v2_used=False,
        generation=0,
        created_at=now,
        secret_from=now,
        previous_until=None,
        used_at=None,
        revoked_at=None,
    )
    api_secret = new_secret(ports.randomness)
    if not await ports.keys.add(partner_id, key, api_secret):
        raise KeyLimitReached(f"partner {partner_id} has its maximum number of keys")
    await ports.changed(partner_id)
    return CreatedKey(key, api_secret)


async def list_keys(ports: KeyPorts, partner_id: UUID) -> PartnerKeys:
    """Return a partner's keys, oldest first and revoked ones last; raise NotFound, Unavailable."""
    return await ports.keys.list_of(partner_id)


async def find_key(ports: KeyPorts, partner_id: UUID, which: str | None) -> ApiKey:
    """Return the key with this apiKey or id; None stands for the oldest that is not revoked.

    Raises NotFound, also for a revoked key, and Unavailable.
    """
    for key in (await ports.keys.list_of(partner_id)).active:
        if which is None or which in (key.api_key, str(key.id)):
            return key
    raise NotFound(f"partner {partner_id} has no such key")


async def label_key(ports: KeyPorts, partner_id: UUID, key_id: UUID, label: str | None) -> None:
    """Replace the label of a key; raise InvalidCommand, NotFound, Unavailable."""
    _check(await ports.keys.set_label(partner_id, key_id, checked_label(label)))


async def restrict_key(
    ports: KeyPorts, partner_id: UUID, key_id: UUID, networks: Sequence[str]
) -> None:
    """Replace the IP allowlist of a key; raise NotFound, Unavailable."""
    _check(await ports.keys.set_ip_allowlist(partner_id, key_id, networks))
    await ports.changed(partner_id)


async def require_v2(ports: KeyPorts, partner_id: UUID, key_id: UUID, *, v2_only: bool) -> None:
    """Reject a key's calls signed with version 1, or accept them; raise NotFound, Unavailable."""
    _check(await ports.keys.set_signature_v2_only(partner_id, key_id, v2_only=v2_only))
    await ports.changed(partner_id)


async def revoke_key(ports: KeyPorts, partner_id: UUID, key_id: UUID) -> None:
    """Revoke a key: no call with it is accepted anywhere when this returns, ever again.

    Raises NotFound, Unavailable.
    """
    _check(await ports.keys.revoke(partner_id, key_id, now=ports.clock.now()))
    await ports.changed(partner_id)


def _check(is_known: bool) -> None:  # noqa: FBT001  the only argument
    if not is_known:
        raise NotFound("the partner has no such key")
