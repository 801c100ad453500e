"""The hosts of a database URL: one server, or a primary and its standbys.

With several hosts a connection is made to the first one that accepts writes, so that a promotion
needs no change of settings.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

ATTRIBUTE: Final = "target_session_attrs"
READ_WRITE: Final = "read-write"
FORM: Final = (
    "several hosts are written as postgresql://user:password@host1:port1,host2:port2/database"
    f"?{ATTRIBUTE}={READ_WRITE}"
)
MAX_PORT: Final = 65_535
DEFAULT_PORT: Final = "5432"

_HOST: Final = re.compile(r"(?P<name>\[[^\]]*\]|[^:\[\]]*)(:(?P<port>.*))?", re.ASCII)


class UnusableUrl(ValueError):
    """A database URL that cannot be used; the text does not repeat it: it may have a password."""


def hosts_of(url: str) -> list[str]:
    """Return the hosts of a URL, each with its port; empty for a socket. Raises UnusableUrl."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "," in query.get("host", "") + query.get("hostaddr", "") + query.get("port", ""):
        raise UnusableUrl(FORM)
    listed = parts.netloc.rpartition("@")[2]
    hosts = [_host(one, query.get("port") or DEFAULT_PORT) for one in listed.split(",") if listed]
    _check_attribute(query, several=len(hosts) > 1)
    return hosts


def of_host(url: str, host: str) -> str:
    """Return the URL of one of its hosts, whether that is a primary or a standby."""
    parts = urlsplit(with_hosts(url, [host]))
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != ATTRIBUTE]
    return parts._replace(query=urlencode(query, quote_via=quote, safe="")).geturl()


def with_hosts(url: str, hosts: Sequence[str]) -> str:
    """Return a URL with its hosts in another order, or some of them."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{','.join(hosts)}").geturl()


def _host(text: str, default_port: str) -> str:
    found = _HOST.fullmatch(text)
    if found is None or not found["name"]:
        raise UnusableUrl(f"a host of the list is missing: {FORM}" if not text else FORM)
    name, port = found["name"], found["port"] or default_port
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise UnusableUrl(f"the port of host {unquote(name)} is not a number up to {MAX_PORT}")
    return f"{name}:{port}"


def _check_attribute(query: Mapping[str, str], *, several: bool) -> None:
    attribute = query.get(ATTRIBUTE)
    if several and attribute != READ_WRITE:
        raise UnusableUrl(
            f"a URL with several hosts needs {ATTRIBUTE}={READ_WRITE}, so that only the primary is "
            "used"
        )
    if attribute not in (None, "any", READ_WRITE):
        raise UnusableUrl(f"{ATTRIBUTE} has to be {READ_WRITE}")
