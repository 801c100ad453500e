"""The client's address: the last hop of X-Forwarded-For that is not a trusted proxy."""

import pytest

from domain.partners.ip_allowlist import parse_networks
from gateway.http.client_address import ClientAddresses

TRUSTED = parse_networks("127.0.0.0/8, 10.0.0.0/8, ::1")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1, 10.0.0.7"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1", "10.0.0.7"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1", "10.0.0.7"], "198.51.100.1"),
        ("127.0.0.1", ["10.0.0.7"], "10.0.0.7"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("unix:", ["198.51.100.1"], "unix:"),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxy(
    peer: str, forwarded_for: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded_for]
    scope = {"client": (peer, 4000), "headers": [(b"host", b"x"), *headers]}
    assert ClientAddresses(TRUSTED).of_scope(scope) == address


def test_a_connection_without_a_peer_address_has_an_empty_address() -> None:
    assert ClientAddresses(TRUSTED).of_scope({"client": None, "headers": []}) == ""
