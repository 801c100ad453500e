"""Calls that benchmarks repeat: bodies with their signatures, and a new nonce for each call."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from itertools import cycle
from typing import Final, NamedTuple

import msgspec

QUOTE = {
    "type": "float",
    "fromCcy": "btc",
    "toCcy": "usdt_trc20",
    "direction": "from",
    "amount": "0.01",
}
ORDER = {
    **QUOTE,
    "toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    "refundAddress": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
}


class Partner(msgspec.Struct, frozen=True):
    """The partner that signs calls."""

    id: str
    api_key: str
    api_secret: str

    def sign(self, path: str, nonce: str, body: bytes) -> str:
        """Return the X-API-SIGN of a POST, of version 2."""
        return self.sign_v1(f"v2\nPOST\n{path}\n{self.api_key}\n{nonce}\n".encode() + body)

    def sign_v1(self, body: bytes) -> str:
        """Return the X-API-SIGN of version 1, which covers the body only."""
        return hmac.new(self.api_secret.encode(), body, hashlib.sha256).hexdigest()

    def headers(self, path: str, body: bytes) -> dict[str, str]:
        """Return the headers of a signed POST with a new nonce."""
        nonce = secrets.token_urlsafe(24)
        return {
            "X-API-KEY": self.api_key,
            "X-API-SIGN": self.sign(path, nonce, body),
            "X-API-SIGN-VERSION": "2",
            "X-API-NONCE": nonce,
        }


class Call(msgspec.Struct, frozen=True):
    """A POST to repeat, with each of `bodies` in turn; signed if it has a signer.

    `version` is that of the signature. If `idempotent`, each call has a new Idempotency-Key.
    """

    path: str
    bodies: Sequence[bytes]
    signer: Partner | None = None
    idempotent: bool = False
    version: int = 2

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a call with this body and a new nonce."""
        headers = {"Content-Type": "application/json"}
        if self.signer is not None:
            nonce = secrets.token_urlsafe(24)
            headers["X-API-KEY"] = self.signer.api_key
            headers["X-API-NONCE"] = nonce
            if self.version == 2:
                headers["X-API-SIGN"] = self.signer.sign(self.path, nonce, body)
                headers["X-API-SIGN-VERSION"] = "2"
            else:
                headers["X-API-SIGN"] = self.signer.sign_v1(body)
        if self.idempotent:
            headers["Idempotency-Key"] = secrets.token_urlsafe(24)
        return headers

    def prepared(self, count: int) -> "Iterator[Prepared]":
        """Return `count` calls, signed in advance: load generators sign nothing themselves."""
        prefix = secrets.token_hex(8)
        nonces = (f"{prefix}{number:010}" for number in range(count))
        if self.signer is None:
            for nonce, body in zip(nonces, cycle(self.bodies), strict=False):
                yield Prepared(body, nonce, "")
            return
        mac = hmac.new(self.signer.api_secret.encode(), digestmod=hashlib.sha256)
        if self.version == 2:
            mac.update(f"v2\nPOST\n{self.path}\n{self.signer.api_key}\n".encode())
        for nonce, body in zip(nonces, cycle(self.bodies), strict=False):
            signed = mac.copy()
            signed.update(f"{nonce}\n".encode() + body if self.version == 2 else body)
            yield Prepared(body, nonce, signed.hexdigest())


class Prepared(NamedTuple):
    """A call with its nonce, which is its Idempotency-Key too, and its signature if it has one."""

    body: bytes
    nonce: str
    sign: str


NONCE_LENGTH: Final = 26
SIGN_LENGTH: Final = 64


def encode(request: object) -> bytes:
    """Return the bytes of a request."""
    return json.dumps(request, separators=(",", ":")).encode()


def send(port: int, call: Call, *, body: bytes | None = None) -> tuple[int, bytes]:
    """Make one call and return status and body of the response."""
    body = call.bodies[0] if body is None else body
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", call.path, body, call.headers(body))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def succeeded(port: int, call: Call, *, body: bytes | None = None) -> bytes:
    """Make one call and return the response body; raise RuntimeError unless it succeeds."""
    status, response = send(port, call, body=body)
    if status != 200:
        raise RuntimeError(f"{call.path} returned {status}: {response.decode()}")
    return response
