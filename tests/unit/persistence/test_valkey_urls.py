"""URLs of several Valkey servers: what they name, and that other forms are rejected."""

import pytest
from valkey.asyncio.connection import SSLConnection

from persistence.valkey.connection.url import FORMS, Kind, parse, url_of_server

CLUSTER = "valkey+cluster://u:p%40@a,b:7,[::1]:9"
SENTINEL = "valkeys+sentinel://u:p@a,b:7/main/2?sentinel_password=x&ssl_ca_certs=/ca.pem"


def test_a_cluster_has_servers_and_one_login() -> None:
    servers = parse(CLUSTER)
    assert servers.kind is Kind.CLUSTER
    assert servers.nodes == (("a", 6379), ("b", 7), ("::1", 9))
    assert servers.options == {"username": "u", "password": "p@"}


def test_sentinels_have_a_login_of_their_own() -> None:
    servers = parse(SENTINEL)
    tls = {
        "connection_class": SSLConnection,
        "ssl_ca_certs": "/ca.pem",
        "ssl_check_hostname": True,
    }
    assert (servers.kind, servers.service) == (Kind.SENTINEL, "main")
    assert servers.nodes == (("a", 26379), ("b", 7))
    assert servers.options == {"username": "u", "password": "p", "db": 2, **tls}
    assert servers.sentinel_options == {"username": None, "password": "x", **tls}


def test_one_server_has_the_login_and_the_options_of_all() -> None:
    assert url_of_server(CLUSTER, "::1", 9) == "valkey://u:p%40@[::1]:9/"
    assert url_of_server(SENTINEL, "h", 7) == "valkeys://u:p@h:7/2?ssl_ca_certs=/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        *("valkey+cluster://a/2", "valkey+cluster://a,,b", "valkey+cluster://secret@a:x"),
        *("valkey+sentinel://a", "valkey+foo://a", "unix+cluster://a"),
    ],
)
def test_another_form_is_rejected_without_showing_the_url(url: str) -> None:
    with pytest.raises(ValueError, match="forms of a URL") as raised:
        parse(url)
    assert str(raised.value) == f"the forms of a URL are {FORMS}"
