"""The composition of the cabinet: the second module that names adapters."""

import secrets

from valkey.asyncio import Valkey

from domain.actions.change_payout_details import PayoutDetailsChange
from domain.cabinet_ports import SigningIn
from domain.cabinet_reading import Reading
from domain.ports import Clock
from domain.sessions import KEY_PURPOSE, SessionSigner
from gateway.cabinet.entrance import CabinetParts
from gateway.client_address import ClientAddresses, parse_networks
from gateway.settings import Settings
from persistence.keyring import KeyRing
from persistence.password_pool import PasswordPool
from persistence.postgres.members import PostgresMembers
from persistence.postgres.pool import Database
from persistence.valkey.sessions import ValkeySessions


def compose_cabinet(
    settings: Settings,
    database: Database,
    valkey: Valkey,
    *,
    keyring: KeyRing,
    clock: Clock,
    reading: Reading,
    payout_details: PayoutDetailsChange,
) -> CabinetParts:
    """Return what the cabinet of one worker is made of."""
    return CabinetParts(
        signing_in=SigningIn(
            clock=clock,
            members=PostgresMembers(database),
            sessions=ValkeySessions(valkey),
            passwords=PasswordPool(),
            signer=SessionSigner(keyring.derived(KEY_PURPOSE), current=keyring.current),
            randomness=secrets.token_bytes,
        ),
        addresses=ClientAddresses(parse_networks(settings.trusted_proxies)),
        secure=not settings.sandbox,
        reading=reading,
        payout_details=payout_details,
    )
