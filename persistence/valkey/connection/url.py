"""URLs of Valkey: one server, a primary that Sentinel names, or a cluster."""

from enum import StrEnum
from typing import Any, Final

import msgspec
import valkey
from valkey.asyncio.connection import SSLConnection, parse_url

DEFAULT_PORTS: Final = {"cluster": 6379, "sentinel": 26379}
FORMS: Final = (
    "valkey://host:port, unix:///path/to/socket, valkey+sentinel://host1,host2,host3/service or "
    "valkey+cluster://host1,host2,host3; valkeys instead of valkey is TLS"
)


class Kind(StrEnum):
    """What a URL names."""

    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Servers(msgspec.Struct, frozen=True):
    """The servers of a URL: `nodes` are to be asked for the primaries, unless it is one server.

    `options` are arguments of a connection to a server, without its host and port.
    """

    kind: Kind
    options: dict[str, Any]
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_options: dict[str, Any] = {}


def parse(url: str) -> Servers:
    """Return what a URL names. Raises ValueError, without the URL: it may contain a password."""
    scheme, _, rest = url.partition("://")
    base, _, suffix = scheme.partition("+")
    if not suffix:
        return Servers(Kind.SERVER, _options(url))
    if base not in {"valkey", "valkeys"} or suffix not in DEFAULT_PORTS:
        raise ValueError(f"the forms of a URL are {FORMS}")
    kind = Kind(suffix)
    authority, _, service_and_database = rest.partition("?")[0].partition("/")
    hosts = authority.rpartition("@")[2].split(",")
    nodes = tuple(_node(host, DEFAULT_PORTS[suffix]) for host in hosts)
    service, _, database = service_and_database.partition("/")
    if bool(service) != (kind is Kind.SENTINEL) or (database and kind is Kind.CLUSTER):
        raise ValueError(f"the forms of a URL are {FORMS}")
    options = _options(_with_server(url, "host"))
    del options["host"]
    sentinel = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    transport = {name: value for name, value in options.items() if _is_transport(name)}
    return Servers(kind, options, nodes, service, sentinel | transport)


def url_of_server(url: str, host: str, port: int) -> str:
    """Return the URL of one of the servers that `url` names, with the same login and options."""
    named = _with_server(url, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    server, question_mark, query = named.partition("?")
    options = "&".join(one for one in query.split("&") if not one.startswith("sentinel_"))
    return f"{server}{question_mark}{options}"


def _with_server(url: str, server: str) -> str:
    """Return the URL of one server in place of the servers, and of a service, that `url` names."""
    scheme, _, rest = url.partition("://")
    path, question_mark, query = rest.partition("?")
    authority, _, service_and_database = path.partition("/")
    credentials, at, _ = authority.rpartition("@")
    database = service_and_database.partition("/")[2]
    base = scheme.partition("+")[0]
    return f"{base}://{credentials}{at}{server}/{database}{question_mark}{query}"


def with_verified_host(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a connection, as `parse_url` of the package returns them.

    With TLS the certificate must be the host's, unless the URL has `ssl_check_hostname=false`:
    the package does not check that by default, and takes the text `false` for true.
    """
    if options.get("connection_class") not in {SSLConnection, valkey.SSLConnection}:
        return options
    asked = options.get("ssl_check_hostname", True)
    return options | {"ssl_check_hostname": str(asked).lower() == "true"}


def _options(url: str) -> dict[str, Any]:
    return with_verified_host(parse_url(url))


def _node(host: str, default_port: int) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, str(default_port)
    if not name or not port.isdigit():
        raise ValueError(f"the forms of a URL are {FORMS}")
    return name.strip("[]"), int(port)


def _is_transport(option: str) -> bool:
    return option.startswith("ssl_") or option == "connection_class"
