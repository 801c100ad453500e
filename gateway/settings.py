"""Settings: read once from the environment and a data directory, then passed down."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from cabinet_htmx.shared.brand import Brand, brand_of
from domain.partners.ip_allowlist import parse_networks

DEFAULT_DATA_DIR = Path(".swapgate")
INSTANCE_FILE = "instance.json"
KEYRING_FILE = "keyring.json"
RATES_KEY_FILE = "rates.key"
DEMO_FILE = "demo.json"


class SettingsError(Exception):
    """A setting is missing or can't be used; the text says which and what to do."""


class PreparationFailed(Exception):
    """The instance can't be made ready; the text says why."""


class RateMarket(StrEnum):
    """Where prices come from."""

    SANDBOX = "sandbox"
    EXCHANGES = "exchanges"


class Instance(msgspec.Struct, rename="camel"):
    """What `swapgate up` writes down in its data directory for the other commands to find it."""

    owner_database_url: str
    admin_database_url: str
    gateway_database_url: str
    settlement_database_url: str
    valkey_url: str
    sandbox: bool

    def database_url(self, role: "Role") -> str:
        """Return the URL for a role."""
        urls = {
            Role.OWNER: self.owner_database_url,
            Role.ADMIN: self.admin_database_url,
            Role.GATEWAY: self.gateway_database_url,
            Role.SETTLEMENT: self.settlement_database_url,
        }
        return urls[role]

    def __repr__(self) -> str:
        """Hide the URLs: they may hold passwords."""
        return "Instance(...)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process needs to know before it starts. URLs may hold passwords: `repr` hides them."""

    database_url: str
    """PostgreSQL, with the role this process works under."""
    valkey_url: str
    keyring_path: Path
    sandbox: bool = False
    """Orders can be pushed through their life by hand, and webhooks may go to http and loopback."""
    batch_scheduling: bool = True
    """Run workers under SCHED_BATCH where the platform has it: fewer context switches a request."""
    body_deadline_seconds: float = 8.0
    """How long a client may take to send a request body."""
    direct: bool = True
    """Serve /v1 in front of the web framework, whose layers cost a third of a call's time."""
    group_orders: bool = True
    """Open, and find, the orders of one moment by one statement; a lone one never waits for it."""
    metrics_on_port: bool = False
    """Serve /metrics beside everything else; `serve` has a port of its own for it."""
    database_connections: int = 8
    webhook_concurrency: int = 512
    """Deliveries at once in each webhook process."""
    webhook_endpoint_concurrency: int = 32
    """Of all processes together, deliveries at once to one endpoint."""
    webhooks_to_private_networks: bool = False
    """Send webhooks to plain http and to private addresses too, as sandbox mode does."""
    unsigned_quotes_per_minute: int = 600
    """How many unsigned quotes a client address may ask for; 0 for any number."""
    public_orders_per_minute: int = 10
    """How many orders a client address may open on the swap page; 0 for any number."""
    public_orders_of_all_per_minute: int = 120
    """How many orders may be opened on the swap page in all; 0 for any number."""
    sign_in_tries: int = 20
    """How many sign-ins to the cabinet may fail from a client address before it has to wait."""
    brand_name: str = "Swapgate"
    """What the public pages are called."""
    brand_colours: str = ""
    """Their accents, such as `accent=#0f766e, accent-dark=#4fd1c0`; empty for our own."""
    brand_logo: Path | None = None
    """A picture of at most 32 KiB, SVG, PNG or WebP, for their head; none for our own."""
    rates: RateMarket = RateMarket.SANDBOX
    """Where prices come from: the sandbox's own market, or exchanges."""
    rates_url: str = ""
    """Where to find the exchanges instead of at their own hosts, as `<rates_url>/kraken/...`."""
    rates_sources_needed: int = 2
    """Of how many exchanges a coin's price must be known."""
    rates_key: str = ""
    """A file that only the rates process and settlement read: what prices are signed with."""
    chains: str = ""
    """A file that says which nodes and hot wallets settlement has; nobody else reads it."""
    trusted_proxies: str = ""
    """Networks whose X-Forwarded-For is believed, such as `10.0.0.0/8, ::1`."""

    @property
    def insecure_webhooks(self) -> bool:
        """Tell whether events may go to plain http and to private addresses."""
        return self.sandbox or self.webhooks_to_private_networks

    def __repr__(self) -> str:
        """Hide the URLs."""
        return f"Settings(sandbox={self.sandbox})"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read `SWAPGATE_*` variables; raise SettingsError for one that is missing or malformed."""
    optional = {
        name: environment[f"SWAPGATE_{name.upper()}"]
        for name in (
            "sandbox",
            "batch_scheduling",
            "body_deadline_seconds",
            "direct",
            "group_orders",
            "metrics_on_port",
            "database_connections",
            "webhook_concurrency",
            "webhook_endpoint_concurrency",
            "webhooks_to_private_networks",
            "unsigned_quotes_per_minute",
            "public_orders_per_minute",
            "public_orders_of_all_per_minute",
            "sign_in_tries",
            "brand_name",
            "brand_colours",
            "brand_logo",
            "rates",
            "rates_url",
            "rates_sources_needed",
            "rates_key",
            "chains",
            "trusted_proxies",
        )
        if f"SWAPGATE_{name.upper()}" in environment
    }
    if not optional.get("brand_logo", "logo"):
        del optional["brand_logo"]
    required = {
        name: _required(environment, f"SWAPGATE_{name.upper()}")
        for name in ("database_url", "valkey_url")
    }
    keyring = Path(_required(environment, "SWAPGATE_KEYRING"))
    try:
        parse_networks(optional.get("trusted_proxies", ""))
        settings = msgspec.convert(
            {**required, **optional, "keyring_path": keyring},
            type=Settings,
            strict=False,
            dec_hook=_as_path,
        )
        brand_from(settings)
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsError(f"a SWAPGATE_ setting can't be used: {error}") from None
    return settings


def brand_from(settings: Settings) -> Brand:
    """Return how the public pages look; raise InvalidBrand, which is a ValueError."""
    return brand_of(
        name=settings.brand_name, colours=settings.brand_colours, logo=settings.brand_logo
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables from which `settings_from` reads the same settings again."""
    logo = {"SWAPGATE_BRAND_LOGO": str(settings.brand_logo)} if settings.brand_logo else {}
    return {
        **logo,
        "SWAPGATE_DATABASE_URL": settings.database_url,
        "SWAPGATE_VALKEY_URL": settings.valkey_url,
        "SWAPGATE_KEYRING": str(settings.keyring_path),
        "SWAPGATE_SANDBOX": str(settings.sandbox).lower(),
        "SWAPGATE_BATCH_SCHEDULING": str(settings.batch_scheduling).lower(),
        "SWAPGATE_BODY_DEADLINE_SECONDS": str(settings.body_deadline_seconds),
        "SWAPGATE_DIRECT": str(settings.direct).lower(),
        "SWAPGATE_GROUP_ORDERS": str(settings.group_orders).lower(),
        "SWAPGATE_METRICS_ON_PORT": str(settings.metrics_on_port).lower(),
        "SWAPGATE_DATABASE_CONNECTIONS": str(settings.database_connections),
        "SWAPGATE_WEBHOOK_CONCURRENCY": str(settings.webhook_concurrency),
        "SWAPGATE_WEBHOOK_ENDPOINT_CONCURRENCY": str(settings.webhook_endpoint_concurrency),
        "SWAPGATE_WEBHOOKS_TO_PRIVATE_NETWORKS": str(settings.webhooks_to_private_networks).lower(),
        "SWAPGATE_UNSIGNED_QUOTES_PER_MINUTE": str(settings.unsigned_quotes_per_minute),
        "SWAPGATE_PUBLIC_ORDERS_PER_MINUTE": str(settings.public_orders_per_minute),
        "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_MINUTE": str(settings.public_orders_of_all_per_minute),
        "SWAPGATE_BRAND_NAME": settings.brand_name,
        "SWAPGATE_BRAND_COLOURS": settings.brand_colours,
        "SWAPGATE_RATES": settings.rates.value,
        "SWAPGATE_RATES_URL": settings.rates_url,
        "SWAPGATE_RATES_SOURCES_NEEDED": str(settings.rates_sources_needed),
        "SWAPGATE_RATES_KEY": settings.rates_key,
        "SWAPGATE_CHAINS": settings.chains,
        "SWAPGATE_TRUSTED_PROXIES": settings.trusted_proxies,
    }


def read_instance(data_dir: Path) -> Instance | None:
    """Return what `up` wrote in `data_dir`, or None where it never ran."""
    path = data_dir / INSTANCE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, as a whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _as_path(expected: type, value: object) -> object:
    if expected is Path:
        return Path(str(value))
    raise NotImplementedError


class Role(StrEnum):
    """The database role a process works under."""

    OWNER = "owner"
    ADMIN = "admin"
    GATEWAY = "gateway"
    SETTLEMENT = "settlement"


def settings_for(role: Role, *, data_dir: Path, environment: Mapping[str, str]) -> Settings:
    """Return a process's settings: from the environment, else from what `up` left in `data_dir`.

    With SWAPGATE_DATABASE_URL set the environment decides alone, whatever the role; unless it is
    the very database that `up` was given for this directory: then the directory knows the rest.
    """
    given = environment.get("SWAPGATE_DATABASE_URL")
    instance = read_instance(data_dir)
    if given is not None and (instance is None or instance.owner_database_url != given):
        return settings_from(environment)
    if instance is None:
        raise SettingsError(
            f"there is no instance in {data_dir}: start one with `swapgate up`, name its directory "
            "with --data-dir, or set SWAPGATE_DATABASE_URL"
        )
    found = {
        "SWAPGATE_DATABASE_URL": instance.database_url(role),
        "SWAPGATE_VALKEY_URL": instance.valkey_url,
        "SWAPGATE_KEYRING": str(data_dir / KEYRING_FILE),
        "SWAPGATE_SANDBOX": str(instance.sandbox).lower(),
    }
    rates_key = data_dir / RATES_KEY_FILE
    if rates_key.exists():
        found["SWAPGATE_RATES_KEY"] = str(rates_key)
    of_this_role = {"SWAPGATE_DATABASE_URL": found["SWAPGATE_DATABASE_URL"]}
    return settings_from({**found, **environment, **of_this_role})
