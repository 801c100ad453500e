"""Prepares an instance of `up`: schema, keys, pay-in accounts and the demo partner."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from domain.chains.networks import NETWORKS
from domain.errors import DomainError, NotFound
from domain.partners.credentials import Credentials, new_credentials
from domain.partners.partner import Partner
from domain.webhooks.signatures import standard_secret
from feeds.settlement.addresses.derivation import sandbox_account
from feeds.settlement.addresses.refill import add_addresses
from gateway.instance import (
    DEMO_FILE,
    KEYRING_FILE,
    RATES_KEY_FILE,
    Instance,
    PreparationFailed,
    write_private,
)
from gateway.runtime.clock import SystemClock, new_id
from persistence.keyring import KeyRing
from persistence.keyring_file import load_keyring, new_keyring
from persistence.passwords.hashing import hash_password
from persistence.postgres.chains.pay_in.pool import (
    PostgresAddressPool,
    add_account,
    networks_without_account,
)
from persistence.postgres.market.sandbox import become_sandbox, is_sandbox
from persistence.postgres.migrate import MigrationFailed, apply_migrations
from persistence.postgres.partners.partners import (
    create_partner,
    find_partner,
    replace_secrets,
    set_password,
)
from persistence.postgres.pool import Database

DEMO_EMAIL: Final = "demo@swapgate.example"
DEMO_MARKUP_BPS: Final = 50
WRONG_MODE: Final = {
    True: "the database belongs to a sandbox, whose pay-in addresses are made up: for real money, "
    "start with another --data-dir or database; for the sandbox, omit --no-sandbox",
    False: "the database does not belong to a sandbox: use --no-sandbox or SWAPGATE_SANDBOX=false, "
    "or another --data-dir or database",
}
"""The message for a database in another mode, by whether it belongs to a sandbox."""
FIRST_ADDRESSES: Final = 5


class Demo(msgspec.Struct, rename="camel"):
    """The demo partner and its credentials, as scripts read them from demo.json."""

    base_url: str
    api_key: str
    api_secret: str
    webhook_secret: str
    cabinet_email: str
    cabinet_password: str
    standard_webhook_secret: str = ""


def prepare(instance: Instance, data_dir: Path, *, base_url: str) -> None:
    """Bring schema and key ring up to date and, in sandbox mode, add accounts and demo partner.

    Safe to repeat. Raises PreparationFailed.
    """
    try:
        apply_migrations(instance.owner_database_url)
        keyring_path = data_dir / KEYRING_FILE
        if not keyring_path.exists():
            write_private(keyring_path, new_keyring())
        rates_key_path = data_dir / RATES_KEY_FILE
        if not rates_key_path.exists():
            write_private(rates_key_path, secrets.token_hex(32).encode())
        asyncio.run(_prepare(instance, data_dir, base_url))
    except (MigrationFailed, DomainError, msgspec.MsgspecError, ValueError) as error:
        raise PreparationFailed(str(error)) from error


def prepare_sandbox(owner_database_url: str) -> None:
    """Make a new database that of a sandbox. Safe to repeat; raises PreparationFailed."""

    async def work() -> None:
        async with _connected(owner_database_url) as database:
            await _ensure_mode(database, sandbox=True)

    try:
        asyncio.run(work())
    except DomainError as error:
        raise PreparationFailed(str(error)) from error


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Database]:
    database = Database(url, size=2, application="swapgate-prepare")
    try:
        yield database
    finally:
        database.close()


async def _ensure_mode(database: Database, *, sandbox: bool) -> bool:
    """Return whether pay-in accounts were added, which the sandbox makes up."""
    if sandbox:
        await become_sandbox(database)
    if await is_sandbox(database) is not sandbox:
        raise PreparationFailed(WRONG_MODE[not sandbox])
    missing = await networks_without_account(database) if sandbox else []
    made_up = [sandbox_account(network) for network in missing if network in NETWORKS]
    for account in made_up:
        await add_account(database, account)
    return bool(made_up)


async def _prepare(instance: Instance, data_dir: Path, base_url: str) -> None:
    async with _connected(instance.admin_database_url) as database:
        if await _ensure_mode(database, sandbox=instance.sandbox):
            await _first_addresses(instance)
        if not instance.sandbox:
            return
        keyring = load_keyring(data_dir / KEYRING_FILE)
        await _ensure_demo(database, keyring, data_dir / DEMO_FILE, base_url)


async def _first_addresses(instance: Instance) -> None:
    """Derive the first addresses of every network; settlement derives the following ones."""
    async with _connected(instance.settlement_database_url) as database:
        pool = PostgresAddressPool(database)
        for stored in await pool.accounts():
            if stored.next_index == 0:
                await add_addresses(pool, stored, FIRST_ADDRESSES, to_thread=asyncio.to_thread)


async def _ensure_demo(database: Database, keyring: KeyRing, path: Path, base_url: str) -> None:
    """Create or update the partner in demo.json; the file is written first."""
    stored = _read_demo(path)
    partner = await _find_demo(database)
    demo = stored or _new_demo()
    if partner is not None:
        demo.api_key = partner.api_key
    demo.base_url = base_url
    demo.standard_webhook_secret = standard_secret(demo.webhook_secret)
    write_private(path, msgspec.json.encode(demo))
    if stored is None or partner is None:
        await _store_demo(database, keyring, partner, demo)


async def _find_demo(database: Database) -> Partner | None:
    try:
        return await find_partner(database, DEMO_EMAIL)
    except NotFound:
        return None


async def _store_demo(
    database: Database, keyring: KeyRing, partner: Partner | None, demo: Demo
) -> None:
    credentials = Credentials(demo.api_key, demo.api_secret, demo.webhook_secret)
    now = SystemClock().now()
    if partner is None:
        partner = _demo_partner(demo)
        await create_partner(database, keyring, partner, credentials, now=now)
    else:
        await replace_secrets(database, keyring, partner.id, credentials)
    await set_password(
        database,
        user_id=new_id(),
        partner_id=partner.id,
        password_hash=hash_password(demo.cabinet_password),
        one_time=False,
        now=now,
    )


def _read_demo(path: Path) -> Demo | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Demo)
    except msgspec.MsgspecError as error:
        raise PreparationFailed(
            f"{path} cannot be read ({error}): remove it, and the demo partner gets new secrets"
        ) from None


def _new_demo() -> Demo:
    credentials = new_credentials(secrets.token_bytes)
    return Demo(
        base_url="",
        api_key=credentials.api_key,
        api_secret=credentials.api_secret,
        webhook_secret=credentials.webhook_secret,
        cabinet_email=DEMO_EMAIL,
        cabinet_password=secrets.token_urlsafe(12),
    )


def _demo_partner(demo: Demo) -> Partner:
    return Partner(
        id=new_id(),
        email=DEMO_EMAIL,
        name="Demo partner",
        enabled=True,
        api_key=demo.api_key,
        markup_bps=DEMO_MARKUP_BPS,
    )
