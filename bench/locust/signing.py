"""A locust user that signs calls like a partner."""

import json
import os
import secrets
from typing import Any

from locust import FastHttpUser

from bench.calls import Partner, encode


def credentials() -> Partner:
    """Return the partner in the environment variable BENCH_PARTNER."""
    fields: dict[str, str] = json.loads(os.environ["BENCH_PARTNER"])
    return Partner(**fields)


class SigningUser(FastHttpUser):
    """Makes signed calls; every response other than a success is a failure."""

    abstract = True
    connection_timeout = 5.0
    network_timeout = 10.0

    def on_start(self) -> None:
        """Read the credentials once."""
        self.partner = credentials()

    def signed(
        self, path: str, request: object, *, name: str | None = None, idempotent: bool = False
    ) -> dict[str, Any] | None:
        """Call an endpoint and return its `data`, or None if it failed or `data` is no object."""
        body = encode(request)
        headers = {
            "Content-Type": "application/json",
            **self.partner.headers(f"/v1{path}", body),
        }
        if idempotent:
            headers["Idempotency-Key"] = secrets.token_urlsafe(24)
        return self.posted(path, body, headers, name=name)

    def posted(
        self, path: str, body: bytes, headers: dict[str, str], *, name: str | None = None
    ) -> dict[str, Any] | None:
        """Make a call without signing it and return its `data`."""
        with self.client.post(
            f"/v1{path}",
            data=body.decode(),
            headers=headers,
            name=name or path,
            catch_response=True,
        ) as response:
            if response.status_code != 200:
                response.failure(f"{response.status_code}: {(response.text or '')[:200]}")
                return None
            document = json.loads(response.content)
            if document["code"] != 0:
                response.failure(f"code {document['code']}")
                return None
            data = document["data"]
            return data if isinstance(data, dict) else None
