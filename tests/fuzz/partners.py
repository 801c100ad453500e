"""Signs the requests of schemathesis as the last step, over the bytes that are sent."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Sequence
from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase

UNSIGNED_ONE_IN = 8
RESTRICTED_ONE_IN = 5


class Signer(AuthBase):
    """Signs as one partner, with the new secret after a rotation."""

    def __init__(self, api_key: str, api_secret: str) -> None:
        self._api_key = api_key
        self._api_secret = api_secret
        self._numbers = itertools.count()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        assert isinstance(raw, bytes)
        nonce = f"fuzz-{next(self._numbers):020d}"
        path = request.path_url.partition("?")[0]
        head = f"v2\n{request.method}\n{path}\n{self._api_key}\n{nonce}\n".encode()
        request.headers["X-API-KEY"] = self._api_key
        request.headers["X-API-SIGN"] = hmac.new(
            self._api_secret.encode(), head + raw, hashlib.sha256
        ).hexdigest()
        request.headers["X-API-SIGN-VERSION"] = "2"
        request.headers["X-API-NONCE"] = nonce
        request.register_hook("response", self._adopt_rotated_secret)
        return request

    def _adopt_rotated_secret(self, response: Response, **_: Any) -> None:
        if response.status_code == 200 and "/keys/rotate" in str(response.request.url):
            data = json.loads(response.content)["data"]
            self._api_secret = data.get("apiSecret", self._api_secret)


class Partners(AuthBase):
    """Signs rotations as a separate partner, some calls with keys of other scopes, some not."""

    def __init__(self, partner: Signer, rotating: Signer, restricted: Sequence[Signer]) -> None:
        self._partner = partner
        self._rotating = rotating
        self._restricted = itertools.cycle(restricted)
        self._numbers = itertools.count(1)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        number = next(self._numbers)
        if number % UNSIGNED_ONE_IN == 0:
            return request
        if number % RESTRICTED_ONE_IN == 0:
            return next(self._restricted)(request)
        rotates = "/keys/rotate" in str(request.url)
        return (self._rotating if rotates else self._partner)(request)
