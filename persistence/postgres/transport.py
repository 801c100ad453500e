"""How a process reaches PostgreSQL: on this machine, or over TLS to a server that it verifies."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import psqlpy

from persistence.postgres.hosts import UnusableUrl, hosts_of

VERIFIED: Final = "verify-full"
PLAIN: Final = "disable"
"""Declares that the network between both machines needs no encryption."""
_NOT_SUPPORTED: Final = ("sslcert", "sslkey", "sslcrl", "sslcrldir", "sslnegotiation")
_PORT: Final = re.compile(r":\d*$", re.ASCII)


class InsecureConnection(UnusableUrl):
    """A URL whose connections would not be verified."""


class Transport(NamedTuple):
    """A URL for psqlpy, whose parser knows no TLS, and what it needs beside it."""

    url: str
    ssl_mode: psqlpy.SslMode | None
    ca_file: str | None


def transport_of(url: str) -> Transport:
    """Return how to connect by a libpq URL; raise UnusableUrl, or its InsecureConnection.

    Drivers differ in what they do unless it is stated: libpq encrypts where the server can, and
    psqlpy does not. Neither verifies the server. So a URL of another machine has to state
    `sslmode=verify-full` with `sslrootcert`, or `sslmode=disable`. All of this holds for each of
    several hosts, and each is verified by its own name.
    """
    hosts_of(url)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode, ca_file = query.pop("sslmode", None), query.pop("sslrootcert", None)
    unsupported = [name for name in _NOT_SUPPORTED if name in query]
    if unsupported:
        raise InsecureConnection(f"{unsupported[0]} is not supported in a database URL")
    if mode == VERIFIED:
        if not ca_file or ca_file == "system":
            raise InsecureConnection(
                "sslmode=verify-full needs sslrootcert, the file of the authority's certificate"
            )
    elif mode not in (None, PLAIN):
        raise InsecureConnection(
            f"sslmode={mode} does not verify the server: use sslmode=verify-full with sslrootcert"
        )
    elif mode is None and not _is_local(parts.netloc, query):
        raise InsecureConnection(
            "a database on another machine needs sslmode=verify-full with sslrootcert in its URL "
            "(or sslmode=disable, where the network between them needs no encryption)"
        )
    plain = parts._replace(query=urlencode(query, quote_via=quote, safe="")).geturl()
    if mode != VERIFIED:
        return Transport(plain, None, None)
    return Transport(plain, psqlpy.SslMode.VerifyFull, ca_file)


def _is_local(netloc: str, query: Mapping[str, str]) -> bool:
    """Return whether all hosts of a URL are this machine: sockets, or addresses of loopback."""
    named = query.get("hostaddr") or query.get("host")
    if named:
        hosts = named.split(",")
    else:
        pairs = unquote(netloc.rpartition("@")[2]).split(",")
        hosts = [_PORT.sub("", one).removeprefix("[").removesuffix("]") for one in pairs]
    return all(_is_loopback(one) for one in hosts)


def _is_loopback(host: str) -> bool:
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
