"""Creates the users of Valkey servers that run already, and gives them this version's rights."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import valkey
from valkey.connection import parse_url
from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError, ValkeyError

from persistence.valkey.acl import PREFIX, USERS, password_rule
from persistence.valkey.connection.cluster import address_of
from persistence.valkey.connection.url import (
    Kind,
    Servers,
    parse,
    url_of_server,
    with_verified_host,
)

TIMEOUTS: Final[dict[str, Any]] = {"socket_timeout": 3, "socket_connect_timeout": 3}


class NotPermitted(Exception):
    """The login may not manage users."""


def missing_users(url: str) -> Collection[str]:
    """Return which users do not exist on all servers, without prefix.

    Raises NotPermitted and ValkeyError.
    """
    missing = set[str]()
    try:
        for client in _clients(url):
            missing |= {name for name in USERS if client.acl_getuser(f"{PREFIX}{name}") is None}
    except NoPermissionError:
        raise NotPermitted from None
    return [name for name in USERS if name in missing]


def acl_commands(passwords: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return the arguments of ACL SETUSER for each user: rights, and passwords where given."""
    return [
        (
            f"{PREFIX}{name}",
            "on",
            *(("resetpass", password_rule(passwords[name])) if name in passwords else ()),
            "resetkeys",
            "resetchannels",
            *rights.rules().split(),
        )
        for name, rights in USERS.items()
    ]


def apply_users(url: str, passwords: Mapping[str, str]) -> bool:
    """Give all users their rights on all servers, and these their passwords.

    Returns whether the servers have stored them for their next start. Raises ValkeyError.
    """
    stored = []
    for client in _clients(url):
        for arguments in acl_commands(passwords):
            client.execute_command("ACL SETUSER", *arguments)
        stored.append(any(_accepts(client, save) for save in ("ACL SAVE", "CONFIG REWRITE")))
    return all(stored)


def is_open(url: str) -> bool:
    """Return whether a server accepts clients without a password. Raises ValkeyError."""
    flags = [(client.acl_getuser("default") or {}).get("flags", []) for client in _clients(url)]
    return any("on" in one and "nopass" in one for one in flags)


def rejected_login(url: str) -> bool:
    """Return whether a server rejects the login of a URL. Raises other ValkeyErrors."""
    try:
        for client in _clients(url):
            client.ping()
    except AuthenticationError:
        return True
    return False


def _accepts(client: Any, command: str) -> bool:
    try:
        client.execute_command(command)
    except ResponseError:
        return False
    return True


def _clients(url: str) -> Iterator[Any]:
    """Yield a client for each server that a URL names, also for replicas: they have own users."""
    for server in _urls_of_servers(url):
        with _client(server) as client:
            yield client


def _urls_of_servers(url: str) -> Collection[str]:
    servers = parse(url)
    if servers.kind is Kind.SERVER:
        return [url]
    found: dict[tuple[str, int], None] = {}
    failure: ValkeyError = valkey.ConnectionError("no server is available")
    for host, port in servers.nodes:
        try:
            with _asked(url, servers, host, port) as client:
                found |= dict.fromkeys(_addresses(client, servers, host))
        except (valkey.ConnectionError, valkey.TimeoutError) as error:
            failure = error
    if not found:
        raise failure
    return [url_of_server(url, *address) for address in found]


def _asked(url: str, servers: Servers, host: str, port: int) -> valkey.Valkey:
    """Return a client for a server of the cluster, or for a Sentinel."""
    if servers.kind is Kind.CLUSTER:
        return _client(url_of_server(url, host, port))
    options = servers.sentinel_options
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return valkey.Valkey(
        host=host,
        port=port,
        ssl="connection_class" in options,
        username=options.get("username"),
        password=options.get("password"),
        **(TIMEOUTS | tls),
    )


def _addresses(client: Any, servers: Servers, asked: str) -> Iterator[tuple[str, int]]:
    if servers.kind is Kind.CLUSTER:
        for _, _, *nodes in client.execute_command("CLUSTER SLOTS"):
            yield from (address_of(node, asked=asked) for node in nodes)
        return
    primary = client.sentinel_get_master_addr_by_name(servers.service)
    if primary:
        yield primary[0], int(primary[1])
    for replica in client.sentinel_slaves(servers.service):
        yield replica["ip"], int(replica["port"])


def _client(url: str) -> valkey.Valkey:
    options = with_verified_host(parse_url(url)) | TIMEOUTS
    return valkey.Valkey.from_pool(valkey.ConnectionPool(**options))
