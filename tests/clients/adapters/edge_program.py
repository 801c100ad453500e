"""Runs the compiled adapter of Edge's shape, and what settlement would do with its orders."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.support.clients.partner import Partner
from tests.support.clients.snippets import node


class EdgeError(Exception):
    """An error that the adapter threw: its class, and its fields."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields["message"])
        self.name: str = fields["name"]
        self.fields = fields


class Edge(msgspec.Struct):
    """The adapter with the credentials of one partner, and that partner's own client."""

    programs: Path
    partner: Partner

    def run(self, do: str, **fields: object) -> Any:
        """Run one command of main.ts and return its result. Raises EdgeError."""
        done = subprocess.run(
            [node(), str(self.programs / "main.js")],
            input=json.dumps({"do": do, **fields}),
            env={
                **os.environ,
                "BASE_URL": self.partner.base_url,
                "API_KEY": self.partner.api_key,
                "API_SECRET": self.partner.api_secret,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout)
        if "error" in printed:
            raise EdgeError(printed["error"])
        return printed["result"]

    def quote(self, request: dict[str, Any], **fields: object) -> dict[str, Any]:
        quoted: dict[str, Any] = self.run("quote", request=request, **fields)
        return quoted

    def opened(self, request: dict[str, Any], **fields: object) -> str:
        """Open an order from a quote and return its id."""
        (order,) = self.quote(request, approve=1, **fields)["orders"]
        return str(order["orderId"])

    def step(self, order_id: str, name: str, **fields: object) -> dict[str, Any]:
        """Perform a step of the sandbox and return the order then."""
        request = {"id": order_id, **fields}
        order: dict[str, Any] = self.partner.call(f"/sandbox/{name}", request).data
        return order

    def completed(self, order_id: str) -> dict[str, Any]:
        for name in ("deposit", "confirm", "payout"):
            order = self.step(order_id, name)
        return order

    def order(self, order_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.partner.call("/order", {"id": order_id}).data
        return shown
