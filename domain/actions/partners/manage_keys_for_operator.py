"""Create, list, label and revoke partners' API keys, and set the signatures that they accept."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from domain.actions.partners import manage_keys
from domain.actions.partners.manage_keys import KeyPorts, NewKey
from domain.errors import NotFound
from domain.partners.api_keys import ApiKey, CreatedKey
from domain.partners.partner import DEFAULT_PARTNER_ID, Partner
from domain.partners.scopes import Scope


class OperatorKeyPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on keys need."""

    find_partner: Callable[[str], Awaitable[Partner]]
    """Returns the partner with an id or e-mail address; raises NotFound."""
    keys: KeyPorts


class PartnerKey(msgspec.Struct, frozen=True):
    """A key and its partner's e-mail address."""

    email: str
    key: ApiKey


async def create_key(
    ports: OperatorKeyPorts, who: str, *, scope: Scope, label: str
) -> tuple[str, CreatedKey]:
    """Create a key; return the partner's e-mail address too. Raises InvalidCommand and NotFound."""
    partner = await _partner(ports, who)
    new = NewKey(scope=scope, label=label)
    return partner.email, await manage_keys.create_key(ports.keys, partner.id, new)


async def list_keys(ports: OperatorKeyPorts, who: str) -> tuple[str, Sequence[ApiKey]]:
    """Return a partner's e-mail address and keys, revoked ones last; raise NotFound."""
    partner = await _partner(ports, who)
    return partner.email, (await manage_keys.list_keys(ports.keys, partner.id)).keys


async def show_key(ports: OperatorKeyPorts, who: str, which: str | None) -> PartnerKey:
    """Return a key by its apiKey or id, also a revoked one, or the oldest; raise NotFound."""
    partner = await _partner(ports, who)
    for key in (await manage_keys.list_keys(ports.keys, partner.id)).keys:
        if which is None or which in (key.api_key, str(key.id)):
            return PartnerKey(partner.email, key)
    raise NotFound(f"{partner.email} has no such key")


async def label_key(ports: OperatorKeyPorts, who: str, which: str, label: str) -> PartnerKey:
    """Change the label of a key; return the key then. Raises InvalidCommand and NotFound."""
    partner, key = await _active(ports, who, which)
    await manage_keys.label_key(ports.keys, partner.id, key.id, label)
    return await show_key(ports, who, str(key.id))


async def require_v2(
    ports: OperatorKeyPorts, who: str, which: str | None, *, v2_only: bool
) -> PartnerKey:
    """Set the signatures that a key accepts; return the key then. Raises NotFound."""
    partner, key = await _active(ports, who, which)
    await manage_keys.require_v2(ports.keys, partner.id, key.id, v2_only=v2_only)
    return await show_key(ports, who, str(key.id))


async def revoke_key(ports: OperatorKeyPorts, who: str, which: str) -> PartnerKey:
    """Revoke a key; return the key then. Raises NotFound."""
    partner, key = await _active(ports, who, which)
    await manage_keys.revoke_key(ports.keys, partner.id, key.id)
    return await show_key(ports, who, str(key.id))


async def _active(ports: OperatorKeyPorts, who: str, which: str | None) -> tuple[Partner, ApiKey]:
    partner = await _partner(ports, who)
    return partner, await manage_keys.find_key(ports.keys, partner.id, which)


async def _partner(ports: OperatorKeyPorts, who: str) -> Partner:
    partner = await ports.find_partner(who)
    if partner.id == DEFAULT_PARTNER_ID:
        raise NotFound("the default partner has no keys")
    return partner
