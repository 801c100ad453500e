"""How many large responses may wait for clients that do not accept them."""

import pytest

from gateway.http.client_address import ClientAddresses
from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.large import (
    MAX_PER_ADDRESS,
    MAX_SENDING,
    OVERDUE_SECONDS,
    WAITING_SECONDS,
    LargeResponses,
)
from gateway.http.connections.limits import Peer

ADDRESS = "192.0.2.1"
ANOTHER = (ADDRESS, "1000")


class Sending:
    """Large responses of a worker, whose clients are `peers`."""

    def __init__(self, *peers: Peer) -> None:
        self.now = 100.0
        addresses = ClientAddresses().of_connection
        self.clients = ClientConnections(addresses)
        self.responses = LargeResponses(
            addresses, self.clients.reject_others, monotonic=lambda: self.now
        )
        self.begin(*peers)

    def begin(self, *peers: Peer) -> None:
        for peer in peers:
            self.responses.record_piece(peer)

    def overdue(self) -> list[Peer]:
        return list(self.responses.overdue())


def one_address(count: int) -> list[Peer]:
    return [(ADDRESS, str(port)) for port in range(1, count + 1)]


def addresses(count: int) -> list[Peer]:
    return [(f"198.51.{number // 250}.{number % 250}", "1") for number in range(count)]


def test_of_too_many_responses_those_accepted_least_recently_are_disconnected() -> None:
    peers = addresses(MAX_SENDING + 2)
    sending = Sending(*peers)
    sending.now += 0.1
    sending.begin(peers[0])
    assert sending.overdue() == [peers[1], peers[2]]
    sending.responses.end(peers[2])
    sending.responses.end(peers[5])
    assert sending.overdue() == []


def test_when_half_of_the_places_are_taken_clients_must_accept_a_piece_within_two_seconds() -> None:
    peers = addresses(MAX_SENDING // 2 + 1)
    sending = Sending(*peers)
    sending.now += OVERDUE_SECONDS + 0.1
    sending.begin(*peers[2:])
    assert sending.overdue() == peers[:2]
    sending.responses.end(peers[5])
    assert sending.overdue() == []


@pytest.mark.parametrize("accepts", [True, False])
def test_an_address_that_accepts_nothing_of_many_responses_gets_no_others(accepts: bool) -> None:
    peers = one_address(MAX_PER_ADDRESS + 1)
    sending = Sending(*peers)
    sending.now += WAITING_SECONDS + 0.1
    if accepts:
        sending.begin(peers[0])
    sending.begin(ANOTHER)
    assert sending.clients.rejects((ADDRESS, "1001")) is not accepts
    assert not any(map(sending.clients.rejects, (*peers, ANOTHER, ("192.0.2.2", "1"))))


def test_many_responses_to_an_address_are_fine_until_the_worker_has_too_many() -> None:
    sending = Sending(*one_address(10 * MAX_PER_ADDRESS))
    assert not sending.clients.over_limit
    sending.begin(*addresses(MAX_SENDING - 10 * MAX_PER_ADDRESS))
    assert not sending.clients.over_limit
    sending.begin(ANOTHER)
    assert list(sending.clients.over_limit) == [ADDRESS]


def test_when_a_worker_has_too_many_responses_each_of_many_addresses_gets_an_equal_share() -> None:
    peers = addresses(MAX_SENDING // 4)
    again = [(address, f"{port}{again}") for again in range(4) for address, port in peers]
    sending = Sending(*again)
    assert not sending.clients.over_limit
    another = (again[0][0], "1000")
    sending.begin(another)
    assert list(sending.clients.over_limit) == [another[0]]
    assert not sending.clients.rejects(again[0])
    assert sending.clients.rejects((another[0], "1001"))


def test_an_address_may_wait_for_one_response_however_many_others_do() -> None:
    sending = Sending(*addresses(2 * MAX_SENDING))
    sending.begin(ANOTHER)
    assert not sending.clients.over_limit
    sending.begin((ADDRESS, "1001"))
    assert list(sending.clients.over_limit) == [ADDRESS]


def test_responses_that_ended_do_not_count() -> None:
    peers = one_address(MAX_PER_ADDRESS + 1)
    sending = Sending(*peers)
    sending.now += WAITING_SECONDS + 0.1
    for peer in peers[:2]:
        sending.responses.end(peer)
    sending.begin(ANOTHER)
    assert not sending.clients.over_limit
    for peer in (*peers, ANOTHER):
        sending.responses.end(peer)
    assert not sending.responses.sending


def test_clients_of_a_trusted_proxy_count_only_in_total() -> None:
    clients = ClientConnections(lambda _: None)
    for peer in one_address(MAX_SENDING + 1):
        clients.large.record_piece(peer)
    assert not clients.over_limit
    assert list(clients.large.overdue()) == [(ADDRESS, "1")]
