"""The composition of the cabinet: the second module that names adapters."""

import secrets

from valkey.asyncio import Valkey

from domain.actions.cabinet.ports import SecondFactors, SigningIn, TeamManagement
from domain.actions.cabinet.queries import Reading
from domain.actions.ledger.change_payout_details import PayoutDetailsChange
from domain.cabinet.sessions import KEY_PURPOSE, SessionSigner
from domain.webhooks.ports import WebhookDesk
from gateway.api.endpoint import Services
from gateway.cabinet.context import CabinetParts
from gateway.http.client_address import ClientAddresses, parse_networks
from gateway.runtime.clock import new_id
from gateway.settings import Settings
from persistence.keyring import KeyRing
from persistence.passwords.pool import PasswordPool
from persistence.postgres.cabinet.audit import PostgresAuditLog
from persistence.postgres.cabinet.members import PostgresMembers
from persistence.postgres.cabinet.second_factors import PostgresSecondFactors
from persistence.postgres.cabinet.team import PostgresTeam
from persistence.postgres.partners.key_settings import PostgresKeySettings
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.endpoints import PostgresWebhookBook
from persistence.valkey.login_throttle import ValkeyAttempts
from persistence.valkey.sessions import ValkeySessions


def compose_cabinet(
    settings: Settings,
    database: Database,
    valkey: Valkey,
    *,
    keyring: KeyRing,
    services: Services,
    reading: Reading,
    payout_details: PayoutDetailsChange,
) -> CabinetParts:
    """Return what the cabinet of one worker is made of; it shares `services` with the API."""
    clock = services.clock
    members, sessions = PostgresMembers(database), ValkeySessions(valkey)
    passwords, attempts = PasswordPool(), ValkeyAttempts(valkey)
    return CabinetParts(
        signing_in=SigningIn(
            clock=clock,
            members=members,
            sessions=sessions,
            passwords=passwords,
            attempts=attempts,
            free_tries=settings.sign_in_tries,
            signer=SessionSigner(keyring.derived(KEY_PURPOSE), current=keyring.current),
            randomness=secrets.token_bytes,
        ),
        second_factors=SecondFactors(
            clock=clock,
            factors=PostgresSecondFactors(database, keyring),
            sessions=sessions,
            passwords=passwords,
            members=members,
            attempts=attempts,
            randomness=secrets.token_bytes,
        ),
        audit=PostgresAuditLog(database),
        codes=services.codes,
        market=services.market,
        qr_codes=services.qr_codes,
        webhooks=WebhookDesk(
            clock=clock,
            book=PostgresWebhookBook(database, keyring),
            new_id=new_id,
            insecure_allowed=settings.insecure_webhooks,
        ),
        keys=PostgresKeySettings(database),
        rotation=services.rotation,
        team=TeamManagement(
            clock=clock,
            team=PostgresTeam(database),
            passwords=passwords,
            attempts=attempts,
            new_id=new_id,
            randomness=secrets.token_bytes,
        ),
        new_id=new_id,
        addresses=ClientAddresses(parse_networks(settings.trusted_proxies)),
        secure=not settings.sandbox,
        reading=reading,
        payout_details=payout_details,
    )
