"""Signed and unsigned calls of the API, as docs/authentication.md describes them."""

import hashlib
import hmac
import json
import secrets
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_SECONDS = 20


class ApiError(Exception):
    """A response with a code other than 0."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code


class SwapgateApi:
    """The calls of one partner."""

    def __init__(self, base_url: str, api_key: str, api_secret: str) -> None:
        self._base_url = base_url
        self._key = api_key
        self._secret = api_secret.encode()

    def unsigned(self, path: str, request: object) -> Any:
        """Make a call that needs no signature. Raises ApiError."""
        return self._send(path, json.dumps(request).encode(), {})

    def signed(self, path: str, request: object, *, idempotency_key: str | None = None) -> Any:
        """Make a signed call. Raises ApiError."""
        body, nonce = json.dumps(request).encode(), secrets.token_urlsafe(24)
        message = f"v2\nPOST\n/v1{path}\n{self._key}\n{nonce}\n".encode() + body
        headers = {
            "X-API-KEY": self._key,
            "X-API-NONCE": nonce,
            "X-API-SIGN-VERSION": "2",
            "X-API-SIGN": hmac.new(self._secret, message, hashlib.sha256).hexdigest(),
        }
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._send(path, body, headers)

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> Any:
        headers = {"Content-Type": "application/json", **headers}
        call = Request(f"{self._base_url}/v1{path}", body, headers)
        try:
            with urlopen(call, timeout=TIMEOUT_SECONDS) as response:
                envelope = json.load(response)
        except HTTPError as error:
            with error:
                envelope = json.load(error)
        if envelope["code"] != 0:
            raise ApiError(envelope["code"], envelope["msg"])
        return envelope["data"]
