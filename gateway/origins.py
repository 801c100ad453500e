"""The public origins of an installation: scheme and host under which browsers reach its pages.

An origin is written as in RFC 6454: `https://swap.example`, with a port unless it is the scheme's.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HTTPS: Final = "https://"
MAX_LENGTH: Final = 2_000

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]", re.ASCII)
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  compared with, not listened on


class PublicOrigins:
    """Finds the public origin that a request was made to; any other host is not ours."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        """`origins` are those that `parse_origins` returns; links begin with the first one."""
        self.main = next(iter(origins), None)
        self._by_host: dict[bytes, str] = {}
        for origin in origins:
            scheme, _, host = origin.partition("://")
            self._by_host.setdefault(host.encode(), origin)
            if urlsplit(origin).port is None:
                self._by_host.setdefault(f"{host}:{DEFAULT_PORTS[scheme]}".encode(), origin)

    def of(self, host: bytes | None) -> str | None:
        """Return the origin with this Host header (RFC 9110, 7.2), None for any other."""
        return None if host is None else self._by_host.get(host.lower())


def parse_origins(text: str, *, sandbox: bool) -> list[str]:
    """Return the origins of a comma-separated list; raise ValueError, which names a malformed one.

    Outside the sandbox only this machine may be reached without TLS.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError("SWAPGATE_OTHER_PUBLIC_URLS is too long")
    origins = [one.strip().lower().rstrip("/") for one in text.split(",") if one.strip()]
    for origin in origins:
        _check(origin, sandbox=sandbox)
    return origins


def local_origins(host: str, port: int) -> list[str]:
    """Return the origins of a server on this machine that listens on `host` and `port`."""
    hosts = ["127.0.0.1", "localhost", "[::1]"]
    if host not in _ANY_ADDRESS and host not in hosts:
        hosts.append(f"[{host}]" if ":" in host else host)
    suffix = "" if port == DEFAULT_PORTS["http"] else f":{port}"
    return [f"http://{name}{suffix}" for name in dict.fromkeys(hosts)]


def _check(origin: str, *, sandbox: bool) -> None:
    scheme, separator, host = origin.partition("://")
    parts = urlsplit(origin)
    name, port = parts.hostname or "", parts.port  # raises ValueError for a malformed port
    bare = host.removesuffix(f":{port}") if port is not None else host
    if scheme not in DEFAULT_PORTS or not separator or not _HOST.fullmatch(bare):
        raise ValueError(f"the public address {origin!r} is not of the form https://host")
    if scheme == "http" and not sandbox and not _is_local(name):
        raise ValueError(f"the public address {origin!r} has to be https outside the sandbox")


def _is_local(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
