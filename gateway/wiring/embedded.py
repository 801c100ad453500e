"""The servers of `swapgate up`: embedded ones, unless the environment names others."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.instance import Instance, PreparationFailed, Role, ValkeyUser
from gateway.runtime.supervisor import SupervisedServer
from gateway.wiring.operator.valkey_users import urls_of_users
from persistence.embedded.errors import EmbeddedError
from persistence.embedded.lock import DataDirLock
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.server import EmbeddedServer, start_together
from persistence.embedded.valkey import EmbeddedValkey


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Make the data directory if needed and keep other instances out of it.

    Raises PreparationFailed.
    """
    with _failures_named(), DataDirLock(data_dir):
        yield


@contextmanager
def running_servers(
    data_dir: Path, *, sandbox: bool
) -> Iterator[tuple[list[SupervisedServer], Instance]]:
    """Run the embedded servers that no setting replaces; yield them and the URLs of all servers.

    Raises PreparationFailed, also if an embedded server cannot be restarted later.
    """
    with _failures_named(), ExitStack() as stack:
        yield _start(stack, data_dir, sandbox=sandbox)


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except EmbeddedError as error:
        raise PreparationFailed(str(error)) from error


def _start(
    stack: ExitStack, data_dir: Path, *, sandbox: bool
) -> tuple[list[SupervisedServer], Instance]:
    database_url = os.environ.get("SWAPGATE_DATABASE_URL")
    valkey_url = os.environ.get("SWAPGATE_VALKEY_URL")
    if os.environ.get("SWAPGATE_DATABASE_DIRECT_URL"):
        raise PreparationFailed(
            "`up` uses no pooler: unset SWAPGATE_DATABASE_DIRECT_URL, and set "
            "SWAPGATE_DATABASE_URL to the server's own address"
        )
    postgres = EmbeddedPostgres(data_dir / "postgres") if not database_url else None
    valkey = EmbeddedValkey(data_dir / "valkey") if not valkey_url else None
    servers: list[EmbeddedServer] = [one for one in (postgres, valkey) if one is not None]
    for server in servers:
        stack.callback(server.stop)
    start_together(*servers)
    urls = {
        role: postgres.url(user=f"swapgate_{role.value}")
        if postgres
        else _as_role(role, str(database_url))
        for role in Role
    }
    instance = Instance(
        owner_database_url=urls[Role.OWNER],
        admin_database_url=urls[Role.ADMIN],
        gateway_database_url=urls[Role.GATEWAY],
        settlement_database_url=urls[Role.SETTLEMENT],
        valkey_urls=(
            {user: valkey.url_of(user) for user in ValkeyUser}
            if valkey
            else urls_of_users(data_dir, str(valkey_url))
        ),
        sandbox=sandbox,
    )
    return list(servers), instance


def _as_role(role: Role, url: str) -> str:
    """Return the owner's URL with SET ROLE: an external server has no logins of our roles."""
    if role is Role.OWNER:
        return url
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}options=-c%20role%3Dswapgate_{role.value}"
