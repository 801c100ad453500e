"""Requests of an address that opened too many connections are rejected for a few seconds."""

import json

from gateway.api.endpoint import Request, Services
from gateway.errors import TOO_MANY_CONNECTIONS_SECONDS as REJECT_SECONDS
from gateway.http.client_address import ClientAddresses
from gateway.http.connections.clients import ClientConnections
from tests.unit.http.test_asgi import FakeGateway, application_with, call

KEPT, OTHER = ("192.0.2.1", "1"), ("192.0.2.1", "2")
ELSEWHERE = ("192.0.2.2", "1")


def clients() -> ClientConnections:
    return ClientConnections(ClientAddresses().of_connection)


def test_only_the_connections_that_an_address_was_left_with_are_served() -> None:
    subject = clients()
    subject.reject_others("192.0.2.1", [KEPT], 0)
    assert [subject.rejects(one) for one in (KEPT, OTHER, ELSEWHERE)] == [False, True, False]
    assert (subject.take_rejected(), subject.take_rejected()) == (1, 0)


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    subject = clients()
    subject.reject_others("2001:db8::/64", [("2001:db8::1", "1")], 0)
    assert not subject.rejects(("2001:db8::1", "1"))
    assert subject.rejects(("2001:db8::2", "1"))
    assert not subject.rejects(("2001:db8:0:1::2", "1"))


def test_rejection_ends_after_some_seconds_without_another_excess() -> None:
    subject = clients()
    subject.reject_others("192.0.2.1", [], 0)
    subject.forget(now=REJECT_SECONDS - 1)
    assert subject.rejects(OTHER)
    subject.reject_others("192.0.2.1", [KEPT], REJECT_SECONDS - 1)
    subject.forget(now=REJECT_SECONDS)
    assert subject.rejects(OTHER)
    subject.forget(now=2 * REJECT_SECONDS - 1)
    assert not subject.rejects(OTHER)


async def test_a_rejected_request_is_not_served_and_closes_its_connection() -> None:
    served = []

    async def handle(_: Services, __: Request) -> bytes:
        served.append(1)
        return b"{}"

    gateway = FakeGateway()
    gateway.client_connections = clients()
    application = application_with(gateway, handle)
    gateway.client_connections.reject_others("10.0.0.1", [], 0)
    result = await call(application, "POST", "/v1/price")
    assert (result.status, json.loads(result.body)) == (429, {"code": 5, "msg": "RATE_LIMIT"})
    assert (result.headers["connection"], result.headers["retry-after"]) == ("close", "5")
    assert not served
    gateway.client_connections.forget(now=REJECT_SECONDS)
    assert (await call(application, "POST", "/v1/price")).status == 200
    assert served
    assert not gateway.client_connections.in_progress


def test_an_address_that_was_left_with_fewer_connections_keeps_no_others() -> None:
    subject = clients()
    subject.reject_others("192.0.2.1", [KEPT], 0)
    subject.reject_others("192.0.2.1", [KEPT, OTHER], 1)
    assert [subject.rejects(one) for one in (KEPT, OTHER)] == [False, True]
    subject.reject_others("192.0.2.1", [KEPT, OTHER], 1 + REJECT_SECONDS)
    assert [subject.rejects(one) for one in (KEPT, OTHER)] == [False, False]
