"""A FixedFloat-style client from PyPI, as it is, signs calls that are accepted with a nonce added.

It signs the bytes of its own JSON: spaces after separators, amounts as numbers. Its address is
fixed in its source, so its calls are sent to the service under test instead.
"""

import secrets
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import requests
from fixedfloatapi import FixedFloatApi

from tests.conftest import Running
from tests.support.clients.partner import Partner

THEIR_BASE = "https://ff.io/api/v2/"
SWAP = {
    "type": "float",
    "fromCcy": "btc",
    "toCcy": "usdt_trc20",
    "direction": "from",
    "amount": 0.01,
}
ORDER = SWAP | {
    "toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    "refundAddress": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
}


class Wire:
    """Carries the client's calls to the service, adding nothing but the nonce."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.nonces = True
        self.sent: list[str] = []
        self._post = requests.post

    def post(
        self, url: str, *, headers: dict[str, str], data: str, verify: bool
    ) -> requests.Response:
        self.sent.append(data)
        nonce = {"X-API-NONCE": secrets.token_urlsafe(24)} if self.nonces else {}
        ours = url.replace(THEIR_BASE, f"{self.base_url}/api/v1/")
        return self._post(ours, headers=headers | nonce, data=data, verify=verify, timeout=20)


@pytest.fixture
def wire(up: Running, monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire(up.base_url)
    monkeypatch.setattr(requests, "post", wire.post)
    return wire


@pytest.fixture(scope="module")
def credentials(up: Running) -> dict[str, Any]:
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@fixedfloat.example")
    Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_known()
    return created


@pytest.fixture
def client(wire: Wire, credentials: dict[str, Any]) -> FixedFloatApi:
    assert wire.nonces
    return FixedFloatApi(credentials["apiKey"], credentials["apiSecret"])


def test_it_sends_spaced_json_with_amounts_as_numbers(client: FixedFloatApi, wire: Wire) -> None:
    client.price(SWAP)
    assert '"direction": "from", "amount": 0.01}' in wire.sent[0]


def test_its_quotes_are_answered(client: FixedFloatApi) -> None:
    quote = client.price(SWAP)
    assert quote["from"]["amount"] == "0.01000000"
    exact = Decimal("0.01") * Decimal(quote["from"]["rate"]) - Decimal(quote["networkFee"])
    assert 0 <= exact - Decimal(quote["to"]["amount"]) < Decimal("0.000001")


def test_its_orders_are_opened_and_shown(client: FixedFloatApi) -> None:
    opened = client.create(ORDER)
    assert (opened["status"], opened["from"]["amount"]) == ("NEW", "0.01000000")
    shown = client.order({"id": opened["id"], "token": opened["token"]})
    assert (shown["id"], shown["status"]) == (opened["id"], "NEW")


def test_its_other_calls_go_through_the_same_way(client: FixedFloatApi) -> None:
    opened = client.create(ORDER)
    access = {"id": opened["id"], "token": opened["token"]}
    assert client.qr(access)["qrPng"].startswith("data:image/png;base64,")
    assert "btc" in {asset["code"] for asset in client.custom_request("currencies", {})}
    with pytest.raises(Exception, match="NOT_FOUND"):
        client.emergency(access | {"choice": "EXCHANGE"})  # the order isn't held


def test_without_the_nonce_it_is_refused(client: FixedFloatApi, wire: Wire) -> None:
    wire.nonces = False
    with pytest.raises(Exception, match="401: AUTH_INVALID"):
        client.price(SWAP)


def test_with_another_secret_it_is_refused(wire: Wire, credentials: dict[str, Any]) -> None:
    assert wire.nonces
    with pytest.raises(Exception, match="401: AUTH_INVALID"):
        FixedFloatApi(credentials["apiKey"], "another secret").price(SWAP)
