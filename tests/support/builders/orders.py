"""Orders of a running service, read by their partner and advanced by its operator."""

from typing import Any
from uuid import uuid4

import msgspec
from typer.testing import Result

from tests.conftest import Running
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import error_of
from tests.support.clients.partner import Partner, Response, order_request
from tests.support.servers.webhook_receiver import Receiver
from tests.support.waiting import wait_until

LITTLE, AGREED, MUCH = "0.00000800", "0.01000000", "0.10000000"
"""BTC: below the bounds of 1 USD, within them, and above those of 5,000 USD."""


class Swaps:
    """A new partner of a running service, and the operator's command in this process."""

    def __init__(self, up: Running, receiver: Receiver | None = None) -> None:
        self.up = up
        url = ("--webhook-url", receiver.url) if receiver else ()
        self.email = f"{uuid4().hex}@partner.example"
        created = self.command("partner", "create", "--email", self.email, *url)
        self.command("partner", "set", self.email, "--budget", "1000000")
        self.partner = Partner(up.base_url, created["apiKey"], created["apiSecret"]).until_active()
        self.receiver = receiver
        if receiver is not None:
            receiver.secret = created["webhookSecret"].encode()

    def run(self, *arguments: str) -> Result:
        return invoke(*arguments, data_dir=self.up.data_dir)

    def command(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return msgspec.json.decode(done.stdout)

    def error(self, *arguments: str) -> str:
        return error_of(self.run(*arguments))

    def opened(self, **changes: object) -> dict[str, Any]:
        """Open an order to TRX, whose network fee of 12 cents is below small deposits."""
        data: dict[str, Any] = self.partner.call(
            "/create", order_request(**{"toCcy": "trx", **changes})
        ).data
        return data

    def call(self, path: str, order: dict[str, Any], **fields: object) -> Response:
        return self.partner.call(path, {"id": order["id"], "token": order["token"], **fields})

    def shown(self, order: dict[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = self.call("/order", order).data
        return data

    def until(self, order: dict[str, Any], status: str) -> dict[str, Any]:
        return wait_until(lambda: self.shown(order), lambda shown: bool(shown["status"] == status))

    def until_another_rate(self, order: dict[str, Any]) -> None:
        """Wait until prices have changed twice since an order was priced.

        Settlement may read prices slightly later than the workers, but less than one change later.
        """
        request, rates = order_request(toCcy="trx"), {order["rate"]}

        def rates_so_far() -> set[str]:
            rates.add(self.partner.call("/price", request).data["from"]["rate"])
            return rates

        wait_until(rates_so_far, lambda observed: len(observed) > 2)

    def deposited(self, order: dict[str, Any], amount: str) -> dict[str, Any]:
        data: dict[str, Any] = self.command("sandbox", "deposit", order["id"], "--amount", amount)
        return data

    def confirmed(self, order: dict[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = self.command("sandbox", "confirm", order["id"])
        return data

    def held(self, amount: str = LITTLE, **changes: object) -> dict[str, Any]:
        """Return an order that is held for LIMIT."""
        order = self.opened(**changes)
        self.deposited(order, amount)
        assert self.confirmed(order)["status"] == "EMERGENCY"
        return order

    def held_late(self) -> dict[str, Any]:
        """Return an order that is held for EXPIRED."""
        order = self.opened()
        self.command("sandbox", "expire", order["id"])
        self.deposited(order, AGREED)
        assert self.confirmed(order)["status"] == "EMERGENCY"
        return order
