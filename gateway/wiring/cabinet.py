"""Composition of the cabinet."""

import secrets

from valkey.asyncio import Valkey

from domain.actions.cabinet.ports import (
    PasskeyPorts,
    PasswordResetPorts,
    SecondFactorPorts,
    SignInPorts,
    TeamPorts,
)
from domain.actions.cabinet.queries import CabinetQueries
from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.actions.partners.manage_keys import KeyPorts
from domain.cabinet import devices
from domain.cabinet.sessions import KEY_PURPOSE, SessionSigner
from domain.partners.ip_allowlist import parse_networks
from domain.webhooks.ports import WebhookPorts
from gateway.api.endpoint import Services
from gateway.cabinet.context import CabinetPorts
from gateway.http.client_address import ClientAddresses
from gateway.origins import PublicOrigins
from gateway.runtime.clock import new_id
from gateway.settings import Settings
from persistence.keyring import KeyRing
from persistence.passkeys import WebAuthnVerifier
from persistence.passwords.pool import PasswordPool
from persistence.postgres.cabinet.audit import PostgresAuditLog
from persistence.postgres.cabinet.members import PostgresMemberRepository
from persistence.postgres.cabinet.passkeys import PostgresPasskeyRepository
from persistence.postgres.cabinet.password_resets import PostgresPasswordResetRepository
from persistence.postgres.cabinet.second_factors import PostgresSecondFactorRepository
from persistence.postgres.cabinet.team import PostgresTeamRepository
from persistence.postgres.partners.api_keys import PostgresKeyRepository
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.repository import PostgresWebhookRepository
from persistence.valkey.cabinet.login_throttle import ValkeyLoginThrottle
from persistence.valkey.cabinet.sessions import ValkeySessionRepository


def compose_cabinet(
    settings: Settings,
    database: Database,
    valkey: Valkey,
    *,
    origins: PublicOrigins,
    keyring: KeyRing,
    services: Services,
    queries: CabinetQueries,
    payout_details: PayoutDetailsPorts,
) -> CabinetPorts:
    """Return the ports of one worker's cabinet, which shares `services` with the API."""
    clock = services.clock
    members = PostgresMemberRepository(database)
    sessions = ValkeySessionRepository(valkey, keyring)
    passwords, throttle = PasswordPool(), ValkeyLoginThrottle(valkey)
    return CabinetPorts(
        sign_in=SignInPorts(
            clock=clock,
            members=members,
            sessions=sessions,
            passwords=passwords,
            throttle=throttle,
            free_attempts=settings.sign_in_tries,
            signer=SessionSigner(keyring.derived(KEY_PURPOSE), current=lambda: keyring.current),
            devices=devices.DeviceSigner(
                keyring.derived(devices.KEY_PURPOSE), current=lambda: keyring.current
            ),
            randomness=secrets.token_bytes,
        ),
        resets=PasswordResetPorts(
            clock=clock,
            resets=PostgresPasswordResetRepository(database),
            members=members,
            passwords=passwords,
            throttle=throttle,
            new_id=new_id,
            randomness=secrets.token_bytes,
            available=settings.sends_mail,
        ),
        passkeys=PasskeyPorts(
            clock=clock,
            passkeys=PostgresPasskeyRepository(database),
            verifier=WebAuthnVerifier(settings.public_url, service=settings.brand_name),
            sessions=sessions,
            new_id=new_id,
            randomness=secrets.token_bytes,
            available=bool(settings.public_url),
        ),
        second_factors=SecondFactorPorts(
            clock=clock,
            factors=PostgresSecondFactorRepository(database, keyring),
            sessions=sessions,
            passwords=passwords,
            members=members,
            throttle=throttle,
            randomness=secrets.token_bytes,
        ),
        audit=PostgresAuditLog(database),
        codes=services.code_ports,
        market=services.market,
        qr_codes=services.qr_codes,
        webhooks=WebhookPorts(
            clock=clock,
            repository=PostgresWebhookRepository(database, keyring),
            new_id=new_id,
            insecure_allowed=settings.insecure_webhooks,
        ),
        keys=KeyPorts(
            clock=clock,
            keys=PostgresKeyRepository(database, keyring),
            changed=services.rotation_ports.changed,
            new_id=new_id,
            randomness=secrets.token_bytes,
            signature_v2_only=not settings.sandbox,
        ),
        rotation=services.rotation_ports,
        team=TeamPorts(
            clock=clock,
            team=PostgresTeamRepository(database),
            passwords=passwords,
            throttle=throttle,
            new_id=new_id,
            randomness=secrets.token_bytes,
        ),
        new_id=new_id,
        addresses=ClientAddresses(parse_networks(settings.trusted_proxies)),
        origins=origins,
        secure=not settings.sandbox,
        queries=queries,
        payout_details=payout_details,
        sandbox=services.sandbox,
    )
