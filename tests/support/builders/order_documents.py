"""Order objects as the API returns them, reduced to what a load compares."""

from typing import Any

from tests.load.orders import at


def order(order_id: str = "one", status: str = "NEW", **changes: str | int) -> dict[str, Any]:
    """Return an order object; `changes` are by path, such as `to__amount`."""
    document: dict[str, Any] = {
        "id": order_id,
        "type": "float",
        "status": status,
        "markupBps": 50,
        "externalId": "reference",
        "rate": "62118.75000000",
        "networkFee": "1.200000",
        "time": {"reg": 1716800000, "left": 1800},
        "from": {"code": "btc", "amount": "0.01000000", "address": f"in-{order_id}", "tag": None},
        "to": {"code": "usdt_trc20", "amount": "619.987500", "address": "out", "tag": None},
        "back": {"address": "back"},
    }
    for path, value in changes.items():
        *parents, name = path.split("__")
        at(document, tuple(parents))[name] = value
    return document
