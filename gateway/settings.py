"""Settings of every process: one declaration, read once from the environment and passed down.

A field of `Settings` is all there is to a setting. The variable it is read from, the environment of
child processes and the table in docs/operations.md (`make settings`) are derived from it.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from cabinet_htmx.shared.brand import Brand, brand_of
from domain.partners.ip_allowlist import parse_networks
from domain.partners.unsigned_limits import UnsignedLimits
from gateway.declaration import RATES, SERVE, WEBHOOKS, about, text_of, variable_of
from gateway.origins import parse_origins

_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)


class SettingsError(Exception):
    """A setting is missing or invalid; the text names it and says what to do."""


class RateMarket(StrEnum):
    """The source of prices."""

    SANDBOX = "sandbox"
    EXCHANGES = "exchanges"


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=variable_of):
    """What a process needs to know before it starts. URLs may hold passwords: `repr` hides them."""

    database_url: Annotated[
        str, about("PostgreSQL 15 or newer, as the role of the process, see [TLS](#tls)")
    ]
    valkey_url: Annotated[
        str,
        about(
            "Valkey 8 or newer with `maxmemory-policy noeviction`: `valkey://`, `valkeys://`, "
            "`unix://`, or [several servers](#several-valkey-servers)"
        ),
    ]
    keyring_path: Annotated[
        Path, about("file of the keys that encrypt stored secrets; mode 0600 or 0640, back it up")
    ] = msgspec.field(name="SWAPGATE_KEYRING")
    sandbox: Annotated[
        bool,
        about("test money: orders advanced manually, webhooks to plain http and private networks"),
    ] = False
    batch_scheduling: Annotated[
        bool,
        about(
            "run workers under SCHED_BATCH where the platform has it: fewer context switches",
            read_by=SERVE,
        ),
    ] = True
    body_deadline_seconds: Annotated[
        float,
        about("how long a client may take to send a body", unit="seconds", read_by=SERVE),
    ] = 8.0
    connections: Annotated[
        int,
        about("connections of clients to each worker", unit="connections", read_by=SERVE),
    ] = 4096
    connections_per_address: Annotated[
        int,
        about(
            "connections of a client address to each worker, except trusted proxies; 0: no limit",
            unit="connections",
            read_by=SERVE,
        ),
    ] = 128
    send_deadline_seconds: Annotated[
        float,
        about("how long a client may accept no data of a response", unit="seconds", read_by=SERVE),
    ] = 20.0
    draining_seconds: Annotated[
        float,
        about(
            "how long a node that is stopping serves first, for the load balancer to notice",
            unit="seconds",
            read_by=SERVE,
        ),
        Meta(ge=0, le=600),
    ] = 5.0
    direct: Annotated[
        bool, about("serve `/v1` in front of the web framework, which is faster", read_by=SERVE)
    ] = True
    group_orders: Annotated[
        bool,
        about("insert and read orders that arrive together in one statement", read_by=SERVE),
    ] = True
    metrics_on_port: Annotated[
        bool,
        about("serve `/metrics` on the API's port; see also `serve --metrics-port`", read_by=SERVE),
    ] = False
    database_connections: Annotated[
        int, about("connections of each process; `serve` has ten more", unit="connections")
    ] = 8
    webhook_concurrency: Annotated[
        int,
        about("concurrent deliveries of each process", unit="deliveries", read_by=WEBHOOKS),
    ] = 512
    webhook_endpoint_concurrency: Annotated[
        int,
        about(
            "concurrent deliveries of all processes together to one endpoint",
            unit="deliveries",
            read_by=WEBHOOKS,
        ),
    ] = 32
    webhooks_to_private_networks: Annotated[
        bool,
        about(
            "send webhooks to plain http and private addresses, as the sandbox does",
            read_by=f"{SERVE}, {WEBHOOKS}, commands",
        ),
    ] = False
    unsigned_quotes_per_minute: Annotated[
        int,
        about("unsigned quotes per client address; 0: no limit", unit="per minute", read_by=SERVE),
    ] = 600
    public_orders_per_minute: Annotated[
        int,
        about("swap page orders per client address; 0: no limit", unit="per minute", read_by=SERVE),
    ] = 10
    public_orders_per_day: Annotated[
        int,
        about("swap page orders per client address; 0: no limit", unit="per day", read_by=SERVE),
    ] = 100
    public_orders_of_all_per_minute: Annotated[
        int,
        about("swap page orders in total; 0: no limit", unit="per minute", read_by=SERVE),
    ] = 120
    public_orders_of_all_per_day: Annotated[
        int,
        about("swap page orders in total; 0: no limit", unit="per day", read_by=SERVE),
    ] = 10_000
    public_orders_reserved_percent: Annotated[
        int,
        about(
            "part of both totals reserved for client addresses without an order in two days",
            unit="percent",
            read_by=SERVE,
        ),
    ] = 25
    sign_in_tries: Annotated[
        int,
        about(
            "failed sign-ins to the cabinet from a client address before it has to wait: 2 s at "
            "first, twice as long each time, up to 15 minutes",
            unit="failed sign-ins",
            read_by=SERVE,
        ),
    ] = 20
    brand_name: Annotated[str, about("name shown on the public pages", read_by=SERVE)] = "Swapgate"
    brand_colours: Annotated[
        str,
        about(
            "accents of the public pages in light and dark, such as "
            "`accent=#0f766e, accent-dark=#4fd1c0`",
            default="Swapgate's own",
            read_by=SERVE,
        ),
    ] = ""
    brand_logo: Annotated[
        Path | None,
        about(
            "image file for the header of the public pages: SVG, PNG or WebP, up to 32 KiB",
            default="Swapgate's own",
            read_by=SERVE,
        ),
    ] = None
    database_direct_url: Annotated[
        str,
        about(
            "URL of the same login past a pooler that shares sessions, such as pgbouncer",
            default="none: `SWAPGATE_DATABASE_URL` is direct",
        ),
    ] = ""
    database_replica_url: Annotated[
        str, about("URL of [a standby for the dashboard](#postgresql-with-standbys)", read_by=SERVE)
    ] = ""
    rates: Annotated[
        RateMarket | None,
        about(
            "source of prices: `exchanges`, or `sandbox`, which makes them up",
            default="`sandbox` in the sandbox, otherwise required",
            read_by=RATES,
        ),
    ] = None
    rates_url: Annotated[
        str,
        about(
            "base URL that replaces the exchanges' own hosts, as `<url>/kraken/...`: for tests",
            read_by=RATES,
        ),
    ] = ""
    rates_sources_needed: Annotated[
        int, about("exchanges that must price a coin", unit="exchanges", read_by=RATES)
    ] = 2
    rates_key: Annotated[
        str,
        about(
            "file with 32 bytes in hex, mode 0600, that prices are signed with",
            default="required by `rates` and `settlement`",
            read_by=f"{RATES}, `settlement`, commands",
        ),
    ] = ""
    chains: Annotated[
        str,
        about(
            "file of nodes and hot wallets, see [Chains](#chains)",
            read_by="`settlement`, `pay-in sweep`",
        ),
    ] = ""
    public_url: Annotated[
        str,
        about(
            "address under which browsers reach the pages, such as `https://swap.example`: links "
            "of the cabinet, in emails and in `statusUrl` begin with it, and passkeys are bound to "
            "it",
            default="none; the sandbox's own",
            read_by=f"{SERVE}, {WEBHOOKS}, `settlement`, commands",
        ),
    ] = ""
    other_public_urls: Annotated[
        str,
        about(
            "further addresses of the pages, with commas, such as `https://swap2.example`: under "
            "any other Host than theirs and that of `SWAPGATE_PUBLIC_URL`, pages get status 421",
            default="none; the sandbox's are this machine's names",
            read_by=f"{SERVE}, commands",
        ),
    ] = ""
    hsts_subdomains: Annotated[
        bool,
        about(
            "have browsers use TLS for all subdomains of the pages' hosts too, for a year: only if "
            "no other service there needs plain http",
            read_by=SERVE,
        ),
    ] = False
    smtp_host: Annotated[
        str,
        about(
            "mail server that sends links to reset a password, always over TLS; without it they "
            "are not offered",
            read_by=f"{SERVE}, {WEBHOOKS}",
        ),
    ] = ""
    smtp_port: Annotated[int, about("port of the mail server", read_by=WEBHOOKS)] = 465
    smtp_starttls: Annotated[
        bool,
        about(
            "begin without TLS and switch to it (usual on port 587) before anything is sent",
            read_by=WEBHOOKS,
        ),
    ] = False
    smtp_username: Annotated[str, about("login of the mail server", read_by=WEBHOOKS)] = ""
    smtp_password: Annotated[str, about("password of the login", read_by=WEBHOOKS)] = ""
    smtp_from: Annotated[
        str, about("sender of emails, such as `swap@swap.example`", read_by=WEBHOOKS)
    ] = ""
    mail_directory: Annotated[
        Path | None,
        about(
            "directory that emails are written to instead of being sent: for the sandbox",
            default="none; the sandbox's data directory",
            read_by=f"{SERVE}, {WEBHOOKS}",
        ),
    ] = None
    tracing_endpoint: Annotated[
        str,
        about(
            "OTLP/HTTP URL that spans are sent to, such as `http://127.0.0.1:4318/v1/traces`, see "
            "[Traces](#traces)",
            default="none: no tracing",
            read_by=f"{SERVE}, {WEBHOOKS}, `settlement`",
        ),
        Meta(pattern="^(https?://.+)?$"),
    ] = ""
    tracing_sample_ratio: Annotated[
        float,
        about("part of the signed calls that are traced, from 0 to 1", read_by=SERVE),
        Meta(ge=0, le=1),
    ] = 0.01
    trusted_proxies: Annotated[
        str,
        about(
            "networks whose `X-Forwarded-For` is trusted, such as `10.0.0.0/8, ::1`", read_by=SERVE
        ),
    ] = ""

    @property
    def direct_url(self) -> str:
        """Return the URL whose sessions are the process's own: for notifications and locks."""
        return self.database_direct_url or self.database_url

    @property
    def public_urls(self) -> str:
        """Return all addresses of the pages as a list with commas, the main one first."""
        return f"{self.public_url},{self.other_public_urls}"

    @property
    def rate_market(self) -> RateMarket:
        """Return the source of prices; raise SettingsError where real money needs one."""
        if self.rates is None and not self.sandbox:
            raise SettingsError(
                "SWAPGATE_RATES is not set: real money needs the prices of `exchanges`; `sandbox` "
                "makes them up, for test networks"
            )
        return self.rates or RateMarket.SANDBOX

    @property
    def sends_mail(self) -> bool:
        """Tell whether emails with links can be sent."""
        return bool(self.public_url and (self.smtp_host or self.mail_directory))

    @property
    def unsigned_limits(self) -> tuple[UnsignedLimits, ...]:
        """Return the limits of unsigned quotes, of lookups and of orders of the swap page."""
        return (
            UnsignedLimits(name="quotes", per_minute=self.unsigned_quotes_per_minute),
            UnsignedLimits(name="lookups", per_minute=self.unsigned_quotes_per_minute),
            UnsignedLimits(
                name="orders",
                per_minute=self.public_orders_per_minute,
                per_day=self.public_orders_per_day,
                all_per_minute=self.public_orders_of_all_per_minute,
                all_per_day=self.public_orders_of_all_per_day,
                reserved_percent=self.public_orders_reserved_percent,
            ),
        )

    @property
    def insecure_webhooks(self) -> bool:
        """Tell whether events may go to plain http and to private addresses."""
        return self.sandbox or self.webhooks_to_private_networks

    def __repr__(self) -> str:
        """Hide the URLs."""
        return f"Settings(sandbox={self.sandbox})"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read `SWAPGATE_*` variables; raise SettingsError for one that is missing or invalid."""
    given = {}
    for field in msgspec.structs.fields(Settings):
        value = environment.get(field.encode_name)
        if field.required and not value:
            raise SettingsError(f"{field.encode_name} is not set")
        unset = field.default is None and not value
        if value is not None and not unset:
            given[field.encode_name] = value
    try:
        settings = msgspec.convert(given, type=Settings, strict=False, dec_hook=_as_path)
        parse_networks(settings.trusted_proxies)
        brand_from(settings)
        _check_mail(settings)
        _ = settings.unsigned_limits
        parse_origins(settings.public_urls, sandbox=settings.sandbox)
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsError(f"a SWAPGATE_ setting can't be used: {error}") from None
    return settings


def _check_mail(settings: Settings) -> None:
    """Raise ValueError unless links in emails can lead to the pages, and be answered for."""
    if settings.public_url and not _ORIGIN.fullmatch(settings.public_url):
        raise ValueError("SWAPGATE_PUBLIC_URL is not of the form https://host or https://host:port")
    if settings.smtp_host and not (settings.smtp_from and settings.public_url):
        raise ValueError("SWAPGATE_SMTP_HOST requires SWAPGATE_SMTP_FROM and SWAPGATE_PUBLIC_URL")


def brand_from(settings: Settings) -> Brand:
    """Return the look of the public pages; raise InvalidBrand, which is a ValueError."""
    return brand_of(
        name=settings.brand_name, colours=settings.brand_colours, logo=settings.brand_logo
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables from which `settings_from` reads equal settings."""
    return {
        field.encode_name: text_of(getattr(settings, field.name))
        for field in msgspec.structs.fields(Settings)
    }


def _as_path(expected: type, value: object) -> object:
    if expected is Path:
        return Path(str(value))
    raise NotImplementedError
