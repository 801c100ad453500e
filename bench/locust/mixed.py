"""A wallet's backend: discovery, many quotes, some orders, and polls of these orders."""

import random
from collections import deque
from typing import ClassVar, Final

from locust import constant_throughput, task

from bench.calls import ORDER, QUOTE
from bench.locust import share  # noqa: F401  prints the CPU share of locust at the end
from bench.locust.signing import SigningUser

MAX_POLLED: Final = 200
ROUTES: Final = (
    ("btc", "usdt_trc20", "0.01"),
    ("usdt_trc20", "btc", "250"),
    ("ltc", "btc", "3"),
    ("eth", "usdt_trc20", "0.2"),
)


class Backend(SigningUser):
    """One of the partner's workers: two calls per second."""

    wait_time = constant_throughput(2)
    orders: ClassVar[deque[tuple[str, str]]] = deque(maxlen=MAX_POLLED)

    @task(70)
    def quote(self) -> None:
        """Request a quote, with or without a markup."""
        source, destination, amount = random.choice(ROUTES)
        request: dict[str, object] = {
            **QUOTE,
            "fromCcy": source,
            "toCcy": destination,
            "amount": amount,
        }
        if random.random() < 0.5:
            request = {**request, "afftax": random.choice((25, 50, 100))}
        self.signed("/price", request)

    @task(15)
    def poll(self) -> None:
        """Poll an open order."""
        if self.orders:
            order_id, token = random.choice(self.orders)
            self.signed("/order", {"id": order_id, "token": token})

    @task(8)
    def discover(self) -> None:
        """List assets or pairs, unsigned."""
        path = random.choice(("/currencies", "/pairs"))
        self.posted(path, b"{}", {"Content-Type": "application/json"})

    @task(5)
    def create(self) -> None:
        """Create an order with an Idempotency-Key."""
        order = self.signed("/create", ORDER, idempotent=True)
        if order:
            self.orders.append((order["id"], order["token"]))
