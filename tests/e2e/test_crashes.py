"""No order and no event is lost if any process is killed in the middle of an order."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.valkey import EmbeddedValkey
from tests.conftest import Running, start_up, stop
from tests.support.clients.partner import Partner, Response, order_request
from tests.support.servers.processes import child, processes
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

MAX_WAIT_SECONDS = 90
CHILDREN = ("serve", "rates", "settlement", "webhooks")


def call_until_successful(call: Callable[[], Response]) -> Any:
    """Repeat a call until it succeeds, as a client should after a lost connection or a 5xx."""

    def attempt() -> Response | OSError:
        try:
            return call()
        except OSError as error:
            return error

    response = wait_until(
        attempt,
        lambda result: isinstance(result, Response) and result.status < 500,
        seconds=MAX_WAIT_SECONDS,
    )
    assert isinstance(response, Response)
    return response.data


def victims(up: Running) -> dict[str, Callable[[], int]]:
    """Return, by name, how to find each process that can be killed."""
    postgres = EmbeddedPostgres(up.data_dir / "postgres")
    valkey = EmbeddedValkey(up.data_dir / "valkey")
    return {
        **{name: lambda name=name: child(up, name) for name in CHILDREN},  # type: ignore[misc]
        "a worker": lambda: min(processes(child(up, "serve"))),
        "PostgreSQL": lambda: min(postgres._processes()),
        "Valkey": lambda: min(valkey._processes()),
    }


class PartnerOrders:
    """One partner's orders and the events that its receiver was sent."""

    def __init__(self, up: Running, partner: Partner, receiver: Receiver) -> None:
        self.up = up
        self.partner = partner
        self.receiver = receiver

    def opened(self) -> dict[str, Any]:
        key = str(uuid4())
        data: dict[str, Any] = call_until_successful(
            lambda: self.partner.call("/create", order_request(), **{"Idempotency-Key": key})
        )
        return data

    def ends_well(self, order: dict[str, Any], victim: str) -> None:
        access = {"id": order["id"], "token": order["token"]}
        wait_until(
            lambda: call_until_successful(lambda: self.partner.call("/order", access))["status"],
            "DONE".__eq__,
            seconds=MAX_WAIT_SECONDS,
            context=lambda: victim,
        )
        wait_until(
            lambda: self.receiver.statuses(order["id"]),
            ["PENDING", "EXCHANGE", "DONE"].__eq__,
            seconds=MAX_WAIT_SECONDS,
            context=lambda: victim,
        )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_order_completes_if_a_process_is_killed_in_the_middle(tmp_path: Path) -> None:
    up = start_up(tmp_path / "data")
    try:
        demo = up.demo()
        with receiving(demo.webhook_secret) as receiver:
            up.json("partner", "set", demo.cabinet_email, "--webhook-url", receiver.url)
            partner_orders = PartnerOrders(up, up.partner(), receiver)
            killed = [*victims(up), "up"]
            for victim in killed[:-1]:
                order = partner_orders.opened()
                up.json("sandbox", "deposit", order["id"])
                os.kill(victims(up)[victim](), signal.SIGKILL)
                partner_orders.ends_well(order, victim)

            order = partner_orders.opened()
            up.json("sandbox", "deposit", order["id"])
            up.process.kill()
            up.process.wait()
            up = start_up(tmp_path / "data", port=int(up.base_url.rpartition(":")[2]))
            partner_orders.ends_well(order, "up")

            assert not receiver.forged
            assert all(len(bodies) == 1 for bodies in receiver.bodies.values())
            assert len(receiver.bodies) == 3 * len(killed)
    finally:
        stop(up)
