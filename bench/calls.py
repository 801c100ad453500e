"""Calls that benches make again and again: bodies with their signature, a fresh nonce each."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from http.client import HTTPConnection

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
    """Who signs."""

    id: str
    api_key: str
    api_secret: str

    def sign(self, body: bytes) -> str:
        """Return what X-API-SIGN of a body is."""
        return hmac.new(self.api_secret.encode(), body, hashlib.sha256).hexdigest()


class Call(msgspec.Struct, frozen=True):
    """A POST to make again and again, with one of `bodies` in turn; signed where it has a signer.

    With `idempotent` each has an Idempotency-Key of its own.
    """

    path: str
    bodies: Sequence[bytes]
    signer: Partner | None = None
    idempotent: bool = False

    def headers(self, body: bytes) -> dict[str, str]:
        """Return fresh headers for a body."""
        headers = {"Content-Type": "application/json"}
        if self.signer is not None:
            headers["X-API-KEY"] = self.signer.api_key
            headers["X-API-SIGN"] = self.signer.sign(body)
            headers["X-API-NONCE"] = secrets.token_urlsafe(24)
        if self.idempotent:
            headers["Idempotency-Key"] = secrets.token_urlsafe(24)
        return headers


def encode(request: object) -> bytes:
    """Return a request's bytes."""
    return json.dumps(request, separators=(",", ":")).encode()


def answer(port: int, call: Call, *, body: bytes | None = None) -> tuple[int, bytes]:
    """Make one call and return status and body of what came back."""
    sent = call.bodies[0] if body is None else body
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", call.path, sent, call.headers(sent))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def succeeded(port: int, call: Call, *, body: bytes | None = None) -> bytes:
    """Make one call and return its answer's bytes; raise RuntimeError unless it succeeds."""
    status, received = answer(port, call, body=body)
    if status != 200:
        raise RuntimeError(f"{call.path} was answered with {status}: {received.decode()}")
    return received
