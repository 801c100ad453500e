"""A partner's client, written from the contract only: it shares no code with the service."""

import hashlib
import hmac
import json
import secrets
from http.client import HTTPResponse
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec

from tests.support.waiting import ALL_WORKERS, wait_until


class Demo(msgspec.Struct, rename="camel"):
    """demo.json."""

    base_url: str
    api_key: str
    api_secret: str
    webhook_secret: str
    cabinet_email: str
    cabinet_password: str


class Response(msgspec.Struct):
    """A response of the service; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def code(self) -> int:
        return int(self.json()["code"])

    @property
    def data(self) -> Any:
        assert self.code == 0, self.body
        return self.json()["data"]


def send(
    url: str, body: bytes = b"", headers: dict[str, str] | None = None, *, method: str = "POST"
) -> Response:
    request = Request(url, data=body or None, headers=headers or {}, method=method)
    if body or method == "POST":
        request.data = body
        request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=20) as response:
            return _response(response)
    except HTTPError as error:
        with error:
            return _response(error)


def _response(received: HTTPResponse | HTTPError) -> Response:
    headers = {name.lower(): value for name, value in received.headers.items()}
    return Response(int(received.status or 0), headers, received.read())


class Partner:
    """Signs calls: with version 2 (contract, section 21), or version 1 (section 3)."""

    def __init__(self, base_url: str, api_key: str, api_secret: str) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.api_secret = api_secret

    def headers(
        self, body: bytes, *, nonce: str | None = None, code: str | None = None
    ) -> dict[str, str]:
        """Return the headers of a call signed with version 1."""
        return {
            "X-API-KEY": self.api_key if code is None else f"{self.api_key}.{code}",
            "X-API-SIGN": self._sign(body),
            "X-API-NONCE": nonce or secrets.token_urlsafe(24),
        }

    def v2_headers(
        self,
        path: str,
        body: bytes,
        *,
        method: str = "POST",
        nonce: str | None = None,
        code: str | None = None,
    ) -> dict[str, str]:
        """Return the headers of a call signed with version 2; `path` has its prefix."""
        headers = self.headers(body, nonce=nonce, code=code)
        parts = ("v2", method, path, headers["X-API-KEY"], headers["X-API-NONCE"], "")
        signed = "\n".join(parts).encode() + body
        return {**headers, "X-API-SIGN": self._sign(signed), "X-API-SIGN-VERSION": "2"}

    def _sign(self, signed: bytes) -> str:
        return hmac.new(self.api_secret.encode(), signed, hashlib.sha256).hexdigest()

    def call(
        self,
        path: str,
        request: object = None,
        *,
        code: str | None = None,
        method: str = "POST",
        **extra: str,
    ) -> Response:
        body = b"" if request is None else json.dumps(request).encode()
        sent = urlsplit(f"{self.base_url}/v1{path}").path
        headers = self.v2_headers(sent, body, method=method, code=code)
        return self.post(path, body, {**headers, **extra}, method=method)

    def until(self, code: int, path: str = "/pairs", request: object = None) -> None:
        """Wait until every worker returns this code for a call: about a second."""
        wait_until(
            lambda: self.call(path, request).code,
            lambda returned: returned == code,
            consecutive=ALL_WORKERS,
        )

    def until_active(self) -> Self:
        """Wait up to a second until every worker has read this new partner, and return it."""
        self.until(0)
        return self

    def remaining_weight(self) -> int:
        """Make a call of weight 1 and return the weight that remains after it."""
        header = self.call("/pairs", {}).headers["ratelimit"]
        return int(header.partition(";r=")[2].partition(";")[0])

    def post(
        self, path: str, body: bytes, headers: dict[str, str], *, method: str = "POST"
    ) -> Response:
        return send(f"{self.base_url}/v1{path}", body, headers, method=method)


def quote_request(**changes: object) -> dict[str, object]:
    return {
        "type": "float",
        "fromCcy": "btc",
        "toCcy": "usdt_trc20",
        "direction": "from",
        "amount": "0.01",
        **changes,
    }


def order_request(**changes: object) -> dict[str, object]:
    return {
        **quote_request(),
        "toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "refundAddress": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        **changes,
    }
