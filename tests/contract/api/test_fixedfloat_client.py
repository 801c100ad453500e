"""An unmodified FixedFloat client from PyPI is accepted once a nonce is added to its calls.

It signs its own JSON, which has spaces after separators and amounts as numbers. The base URL is
fixed in its source, so its calls are redirected to the service under test.
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

FIXEDFLOAT_BASE = "https://ff.io/api/v2/"
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


class Redirect:
    """Sends the client's calls to the service and adds only the nonce."""

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
        redirected = url.replace(FIXEDFLOAT_BASE, f"{self.base_url}/api/v1/")
        return self._post(redirected, headers=headers | nonce, data=data, verify=verify, timeout=20)


@pytest.fixture
def redirect(up: Running, monkeypatch: pytest.MonkeyPatch) -> Redirect:
    redirect = Redirect(up.base_url)
    monkeypatch.setattr(requests, "post", redirect.post)
    return redirect


@pytest.fixture(scope="module")
def credentials(up: Running) -> dict[str, Any]:
    created: dict[str, Any] = up.json(
        "partner", "create", "--email", f"{uuid4().hex}@fixedfloat.example"
    )
    Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()
    return created


@pytest.fixture
def client(redirect: Redirect, credentials: dict[str, Any]) -> FixedFloatApi:
    assert redirect.nonces
    return FixedFloatApi(credentials["apiKey"], credentials["apiSecret"])


def test_the_client_sends_spaced_json_with_amounts_as_numbers(
    client: FixedFloatApi, redirect: Redirect
) -> None:
    client.price(SWAP)
    assert '"direction": "from", "amount": 0.01}' in redirect.sent[0]


def test_the_client_gets_quotes(client: FixedFloatApi) -> None:
    quote = client.price(SWAP)
    assert quote["from"]["amount"] == "0.01000000"
    exact = Decimal("0.01") * Decimal(quote["from"]["rate"]) - Decimal(quote["networkFee"])
    assert 0 <= exact - Decimal(quote["to"]["amount"]) < Decimal("0.000001")


def test_the_client_opens_and_shows_orders(client: FixedFloatApi) -> None:
    opened = client.create(ORDER)
    assert (opened["status"], opened["from"]["amount"]) == ("NEW", "0.01000000")
    shown = client.order({"id": opened["id"], "token": opened["token"]})
    assert (shown["id"], shown["status"]) == (opened["id"], "NEW")


def test_the_clients_other_calls_are_accepted(client: FixedFloatApi) -> None:
    opened = client.create(ORDER)
    access = {"id": opened["id"], "token": opened["token"]}
    assert client.qr(access)["qrPng"].startswith("data:image/png;base64,")
    assert "btc" in {asset["code"] for asset in client.custom_request("currencies", {})}
    with pytest.raises(Exception, match="NOT_FOUND"):
        client.emergency(access | {"choice": "EXCHANGE"})  # the order is not on hold


def test_the_client_is_rejected_without_the_nonce(
    client: FixedFloatApi, redirect: Redirect
) -> None:
    redirect.nonces = False
    with pytest.raises(Exception, match="401: AUTH_INVALID"):
        client.price(SWAP)


def test_the_client_is_rejected_with_another_secret(
    redirect: Redirect, credentials: dict[str, Any]
) -> None:
    assert redirect.nonces
    with pytest.raises(Exception, match="401: AUTH_INVALID"):
        FixedFloatApi(credentials["apiKey"], "another secret").price(SWAP)
