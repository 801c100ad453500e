"""The composition of what the operator's actions on partners and their API keys need."""

import secrets
from typing import TYPE_CHECKING

from domain.actions.operator.partners import PartnerPorts
from domain.actions.partners.manage_keys import KeyPorts
from domain.actions.partners.manage_keys_for_operator import OperatorKeyPorts
from domain.actions.partners.ports import OnboardingPorts
from gateway.runtime.clock import new_id
from persistence.passwords.hashing import hash_password
from persistence.postgres.partners.api_keys import PostgresKeyRepository
from persistence.postgres.partners.partners import create_partner

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts


def partner_ports(ports: "OperatorPorts") -> PartnerPorts:
    """Return what the actions on partners need."""
    settings = ports.settings
    onboarding = OnboardingPorts(
        clock=ports.clock,
        store=lambda partner, credentials, now: create_partner(
            ports.database,
            ports.keyring(),
            partner,
            credentials,
            signature_v2_only=not settings.sandbox,
            now=now,
        ),
        new_id=new_id,
        randomness=secrets.token_bytes,
        insecure_webhooks=settings.insecure_webhooks,
    )
    return PartnerPorts(
        partners=ports.partner_repository(),
        onboarding=onboarding,
        hash_password=hash_password,
        changed=ports.partner_changed,
    )


def key_ports(ports: "OperatorPorts") -> OperatorKeyPorts:
    """Return what the actions on API keys need."""
    return OperatorKeyPorts(
        find_partner=ports.partner_repository().find,
        keys=KeyPorts(
            clock=ports.clock,
            keys=PostgresKeyRepository(ports.database, ports.keyring()),
            changed=ports.partner_changed,
            new_id=new_id,
            randomness=secrets.token_bytes,
            signature_v2_only=not ports.settings.sandbox,
        ),
    )
