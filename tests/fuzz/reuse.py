"""Fills valid requests with orders, codes and cursors that were returned before."""

import json
from typing import Any

from schemathesis import GenerationMode, Response
from schemathesis.generation.case import Case

UNCHANGED_ONE_IN = 3
"""How often a generated request is left unchanged."""

REFERENCES = {
    "btc": {"chain": "bitcoin"},
    "usdt_trc20": {"chain": "tron", "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
    "eth": {"chain": "evmGeneric", "chainId": 1, "contract": None},
    "ltc": {"chain": "litecoin", "chainId": None},
}
PAIRS = (
    ("btc", "usdt_trc20", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
    ("btc", "eth", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("btc", "ltc", "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"),
)
EXAMPLE_CODE = "summer-24"
"""The code of the document's example, reserved for the test that sends the examples."""
REFUND = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


class Reuse:
    """Remembers orders, codes and quotes of responses, and puts them into later requests."""

    def __init__(self) -> None:
        self._orders: list[dict[str, str]] = []
        self._codes: list[str] = []
        self._lists: list[dict[str, Any]] = []
        self._quotes: list[tuple[str, str]] = []
        self._calls = 0

    def fill(self, case: Case[Any]) -> None:
        """Refer a valid request to existing objects; leave an invalid one unchanged."""
        self._calls += 1
        body = case.body
        if isinstance(body, dict) and body.get("code") == EXAMPLE_CODE:
            body["code"] = f"{EXAMPLE_CODE}-fuzz"
        if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        if not isinstance(body, dict) or self._calls % UNCHANGED_ONE_IN == 0:
            return
        if body.get("quoteId") is not None and self._quotes:
            self._use_quote(body)
        elif "toAddress" in body:
            self._name_assets(body)
            body |= {"toAddress": PAIRS[self._calls % len(PAIRS)][2]}
            body |= {"refundAddress": REFUND, "tag": None, "refundTag": None}
            body |= {"type": "float", "fromNetwork": None, "toNetwork": None}
            body |= {"direction": "from", "amount": "0.01"} if self._calls % 2 else {}
        elif "direction" in body:
            self._name_assets(body)
            body |= {"region": "DE"} if self._calls % 2 else {}
        elif "token" in body and self._orders:
            body |= self._orders[self._calls % len(self._orders)]
        elif case.operation.path.startswith("/order"):
            self._name_orders(case.operation.path, body)
        elif case.operation.label in ("DELETE /codes", "POST /codes/enable") and self._codes:
            body["code"] = self._codes[self._calls % len(self._codes)]

    def _name_orders(self, path: str, body: dict[str, Any]) -> None:
        if path == "/orders":
            self._list(body)
        elif path == "/order" and self._orders:
            body["id"] = self._orders[self._calls % len(self._orders)]["id"]
        elif path == "/orders/status" and self._orders:
            body["ids"] = [one["id"] for one in self._orders[-64:]]

    def _list(self, body: dict[str, Any]) -> None:
        """Request the first page of a list, or the next page of one that was requested before."""
        body.pop("cursor", None)
        if self._lists and self._calls % 2:
            body.clear()
            body |= self._lists[self._calls % len(self._lists)]
        elif self._calls % 4 == 0:
            body.pop("status", None)
            body |= {"limit": 1, "createdFrom": 0, "externalId": None, "code": None}

    def _use_quote(self, body: dict[str, Any]) -> None:
        """Open a quote: twice as often for the first time as a second time."""
        quote_id, destination = self._quotes[0 if self._calls % 3 else -1]
        if self._calls % 3:
            self._quotes.pop(0)
        to_address = next(one for _, code, one in PAIRS if code == destination)
        for name in ("fromCcy", "toCcy", "from", "to", "type", "fromNetwork", "toNetwork"):
            body.pop(name, None)
        body |= {"quoteId": quote_id, "toAddress": to_address, "refundAddress": REFUND}
        body |= {"amount": None, "direction": None, "afftax": None, "tag": None}

    def _name_assets(self, body: dict[str, Any]) -> None:
        """Name two assets, each in one form: by code, or by chain and contract."""
        source, destination, _ = PAIRS[self._calls % len(PAIRS)]
        for code, by_code, by_reference, one_in in (
            (source, "fromCcy", "from", 4),
            (destination, "toCcy", "to", 5),
        ):
            body.pop(by_code, None)
            body.pop(by_reference, None)
            is_reference = self._calls % one_in == 0
            body[by_reference if is_reference else by_code] = (
                REFERENCES[code] if is_reference else code
            )

    def learn(self, case: Case[Any], response: Response) -> None:
        """Remember the order or code that a response has created, or its quote."""
        if response.status_code != 200 or case.method.upper() != "POST":
            return
        path = case.operation.path
        if path not in ("/create", "/codes", "/orders", "/quote"):
            return
        data = json.loads(response.content)["data"]
        if path == "/orders":
            if data["cursor"] is not None and isinstance(case.body, dict):
                self._lists.append({**case.body, "cursor": data["cursor"]})
        elif path == "/quote":
            if data["quoteId"] is not None:
                self._quotes.append((data["quoteId"], data["to"]["code"]))
        elif path == "/codes":
            self._codes.append(data["code"])
        elif data["token"] is not None:
            self._orders.append({"id": data["id"], "token": data["token"]})
