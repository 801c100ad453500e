"""An import in the shape of Edge's reports: complete, without repeats, as standard transactions."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.clients.adapters.edge_program import Edge, EdgeError
from tests.clients.adapters.edge_wallets import BITCOIN, BSC, TRON, USDT_BSC, USDT_TRON, request
from tests.conftest import Running
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

WEIGHT_OF_A_PAGE = 5
OVERLAP_SECONDS = 60
SWAP = request(BITCOIN, TRON, 100_000, to_token=USDT_TRON)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def imported(edge: Edge, since: float | None = None, **fields: object) -> list[dict[str, Any]]:
    settings = {} if since is None else {"latestIsoDate": iso(since)}
    found: list[dict[str, Any]] = edge.run("import", settings=settings, **fields)["transactions"]
    return found


def ids(transactions: list[dict[str, Any]]) -> list[str]:
    return [one["orderId"] for one in transactions]


def held(edge: Edge, order_id: str) -> None:
    edge.step(order_id, "deposit", late=True)
    edge.step(order_id, "confirm")


def steps(*names: str) -> Callable[[Edge, str], None]:
    def perform(edge: Edge, order_id: str) -> None:
        for name in names:
            edge.step(order_id, name)

    return perform


REACHED: dict[str, Callable[[Edge, str], None]] = {
    "pending": steps(),
    "processing": steps("deposit"),
    "complete": steps("deposit", "confirm", "payout"),
    "expired": steps("expire"),
    "blocked": held,
}
"""How an order gets each status of a report, but `refunded`, which the operator causes."""


class History(msgspec.Struct):
    """Orders of one partner: one in each status, in the order of their creation."""

    edge: Edge
    by_status: dict[str, str]
    created: dict[str, int]

    @property
    def orders(self) -> list[str]:
        return list(self.by_status.values())


@pytest.fixture(scope="module")
def history(edge: Edge, by_hand: Running) -> History:
    history = History(edge, {}, {})
    for status, reach in {**REACHED, "refunded": held}.items():
        time.sleep(1.1)  # each has a second of its own: times in the API are whole seconds
        order_id = edge.opened(SWAP)
        reach(edge, order_id)
        history.by_status[status] = order_id
        history.created[order_id] = edge.order(order_id)["time"]["reg"]
    refunded = history.by_status["refunded"]
    by_hand.json("order", "resolve", refunded, "refund")
    wait_until(lambda: edge.order(refunded)["outcome"], "REFUNDED".__eq__)
    return history


def test_an_import_in_many_pages_has_every_order_once(history: History) -> None:
    edge = history.edge
    before = edge.partner.remaining_weight()
    transactions = imported(edge, limit=2)
    used = before - edge.partner.remaining_weight() - 1
    assert used >= WEIGHT_OF_A_PAGE * 3
    assert sorted(ids(transactions)) == sorted(history.orders)
    assert ids(imported(edge)) == ids(transactions)


def test_every_status_of_an_order_has_its_status_in_a_report(history: History) -> None:
    found = {one["orderId"]: one["status"] for one in imported(history.edge, limit=4)}
    assert found == {order_id: status for status, order_id in history.by_status.items()}


def test_a_run_includes_what_changed_in_the_minute_before_the_last_run_began(
    history: History,
) -> None:
    edge, last = history.edge, history.by_status["refunded"]
    changed = edge.order(last)["time"]["update"]
    assert last in ids(imported(edge, changed + OVERLAP_SECONDS))
    assert last not in ids(imported(edge, changed + OVERLAP_SECONDS + 2))


def test_the_next_run_has_the_changes_since(edge: Edge) -> None:
    order_id = edge.opened(SWAP)
    first = edge.run("import", settings={})
    assert order_id in ids(first["transactions"])
    edge.step(order_id, "expire")
    second = edge.run("import", settings=first["settings"])
    assert {one["orderId"]: one["status"] for one in second["transactions"]}[order_id] == "expired"
    assert second["settings"]["latestIsoDate"] > first["settings"]["latestIsoDate"]


def test_a_period_has_what_was_created_in_it(history: History) -> None:
    second, third, fourth = history.orders[1:4]
    period = {"startDate": iso(history.created[second]), "endDate": iso(history.created[fourth])}
    found = history.edge.run("period", **period, limit=1)
    assert sorted(ids(found)) == sorted([second, third])


def test_a_completed_order_is_a_standard_transaction(edge: Edge) -> None:
    order_id = edge.opened(request(BSC, BITCOIN, 25 * 10**18, from_token=USDT_BSC))
    order = edge.completed(order_id)
    (found,) = [one for one in imported(edge) if one["orderId"] == order_id]
    assert found == {
        "orderId": order_id,
        "status": "complete",
        "countryCode": None,
        "direction": None,
        "exchangeType": "swap",
        "paymentType": None,
        "depositTxid": order["from"]["tx"]["id"],
        "depositAddress": order["from"]["address"],
        "depositCurrency": "USDT",
        "depositChainPluginId": "binancesmartchain",
        "depositEvmChainId": 56,
        "depositTokenId": USDT_BSC,
        "depositAmount": 25,
        "payoutTxid": order["to"]["tx"]["id"],
        "payoutAddress": BITCOIN["receiveAddress"],
        "payoutCurrency": "BTC",
        "payoutChainPluginId": "bitcoin",
        "payoutTokenId": None,
        "payoutAmount": float(order["to"]["tx"]["amount"]),
        "timestamp": order["time"]["reg"],
        "isoDate": iso(order["time"]["reg"]).replace("Z", ".000Z"),
        "usdValue": -1,
        "rawTx": found["rawTx"],
    }
    assert found["rawTx"]["time"]["finish"] == order["time"]["finish"]
    assert found["depositTxid"]
    assert found["payoutTxid"]


def test_an_order_without_a_deposit_has_the_agreed_amounts(history: History) -> None:
    (found,) = [one for one in imported(history.edge) if one["status"] == "pending"]
    assert found["depositAmount"] == 0.001
    assert found["payoutAmount"] > 0
    assert "depositTxid" not in found
    assert "payoutTxid" not in found


def test_a_key_that_only_reads_imports_and_opens_no_order(edge: Edge, by_hand: Running) -> None:
    email = f"{uuid4().hex}@wallet.example"
    created = by_hand.json("partner", "create", "--email", email)
    reader = by_hand.json("key", "create", email, "--scope", "read")
    trading, reading = (
        Edge(edge.programs, Partner(by_hand.base_url, key["apiKey"], key["apiSecret"]))
        for key in (created, reader)
    )
    trading.partner.until_active()
    order_id = trading.opened(SWAP)
    assert ids(imported(reading)) == [order_id]
    with pytest.raises(EdgeError, match="16 SCOPE"):
        reading.opened(SWAP)
