"""The texts of the OpenAPI document: description, security schemes, parameters and headers."""

from typing import Final

TITLE: Final = "Swapgate"
VERSION: Final = "1"
SUMMARY: Final = "The partner API of an instant coin-swap exchange."

CONTACT: Final = {"name": "The operator of the installation"}
LICENSE: Final = {"name": "MIT", "identifier": "MIT"}
"""Of this document and the software; the operator's terms apply to the service."""

ORIGIN: Final = {
    "default": "http://127.0.0.1:8080",
    "description": "Scheme and host of the installation; by default, that of a local sandbox.",
}
WEBHOOKS_TAG: Final = {
    "name": "webhooks",
    "description": "Events, sent to the partner's URL.",
}

DESCRIPTION: Final = """\
Requests and responses are JSON, encoded in UTF-8. A request body must not exceed 64 KiB. A success
is `{"code":0,"msg":"","data":...}`, a failure `{"code":<int>,"msg":"<CONSTANT>"}`. The numeric code
is part of the contract; the HTTP status is advisory. Unknown request fields are ignored, and new
response fields may be added at any time. A body with a repeated member name is rejected.

## Signing

A signed call has four headers: `X-API-KEY`, the public key; `X-API-NONCE`, 16 to 64 characters of
`A-Z a-z 0-9 _ -`, new for every call, including retries; `X-API-SIGN-VERSION: 2`; and `X-API-SIGN`,
the lower-case hex HMAC-SHA256, keyed with the UTF-8 bytes of the apiSecret, of

    "v2\\n" + METHOD + "\\n" + path + "\\n" + key + "\\n" + nonce + "\\n" + body

with the method in upper case, the path as sent with its prefix and without the query, the whole
value of `X-API-KEY`, and the exact bytes of the body. Without `X-API-SIGN-VERSION`, or with `1`,
the signature covers the body only. Keys that require version 2 reject it with code 3, and so do
rotations by a key that has used version 2: sign with version 2. Another version returns code 1.

Where signing is optional, send all of these headers or none of them. `X-API-KEY: <key>.<code>`
attributes the call to a reference code. An unknown code does not fail the call.

## Weights

Every signed call has a weight, given as `x-weight`, and every partner has a budget per sliding 60
seconds: 2,500 by default. Responses to signed calls carry `RateLimit-Policy` and `RateLimit`. A
call that exceeds the budget returns code 5 with `Retry-After`. Its nonce is consumed nevertheless.

## Other responses

A path that is not listed here returns code 6 (`NOT_FOUND`, HTTP 404). Another method returns code 1
(`INVALID_REQUEST`, HTTP 405) with `Allow`. `/v1` and `/api/v1` are identical, byte for byte.
Requests that are not valid HTTP are rejected by the HTTP server with an empty body and status 400,
414 or 431.
"""

SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "The partner's public key, or `<key>.<code>` with a reference code.",
    },
    "sign": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-SIGN",
        "description": "Hex HMAC-SHA256, keyed with the apiSecret. With `X-API-SIGN-VERSION: 2` it "
        "covers method, path, key, nonce and body; without that header, the body only.",
    },
    "nonce": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-NONCE",
        "description": "16 to 64 characters of `A-Z a-z 0-9 _ -`, used once. Nonces are remembered "
        "for at least five minutes.",
    },
}

PARAMETERS: Final[dict[str, dict[str, object]]] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "The id of this request: 1 to 64 characters of `A-Z a-z 0-9 _ -`. If it is "
        "missing or malformed, the server generates one.",
        "schema": {"type": "string", "examples": ["checkout-7781"]},
    },
    "SignVersion": {
        "name": "X-API-SIGN-VERSION",
        "in": "header",
        "required": False,
        "description": "The version of the signature: `2` for one that is valid for one call only. "
        "If it is missing, version 1. Unsigned calls ignore it.",
        "schema": {"type": "string", "examples": ["2"]},
    },
    "Details": {
        "name": "X-API-DETAILS",
        "in": "header",
        "required": False,
        "description": "`1` adds `details` to failures with code 1, 7, 8, 9 or 15: which field is "
        "rejected, and why.",
        "schema": {"type": "string", "examples": ["1"]},
    },
    "OrderId": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The order's `id`. A value that is not a UUID returns code 6.",
        "schema": {"type": "string", "examples": ["018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47"]},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "8 to 128 printable ASCII characters. The same key with the same body "
        'returns the same order, with `"token":null`; with another body, code 1 and HTTP 409.',
        "schema": {
            "type": "string",
            "pattern": "^[!-~][ -~]{6,126}[!-~]$",
            "examples": ["cart-2024-05-27-0001"],
        },
    },
}

HEADERS: Final[dict[str, dict[str, object]]] = {
    "X-Request-Id": {
        "description": "The id of the request: the caller's own if it was well-formed.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
    "Cache-Control": {
        "description": "Responses must not be stored.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "RateLimit-Policy": {
        "description": "The budget: `q` weight units per window of `w` seconds. Present for signed "
        "calls (IETF httpapi draft).",
        "schema": {"type": "string", "examples": ['"default";q=2500;w=60']},
    },
    "RateLimit": {
        "description": "The remaining budget `r`, and the seconds `t` until more is available. "
        "Present for signed calls (IETF httpapi draft).",
        "schema": {"type": "string", "examples": ['"default";r=2449;t=12']},
    },
    "Retry-After": {
        "description": "The number of whole seconds after which the call may be repeated.",
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["12"]},
    },
    "Access-Control-Allow-Origin": {
        "description": "Present for unsigned calls, which web pages of any origin may make (CORS).",
        "schema": {"type": "string", "const": "*"},
    },
    "Allow": {
        "description": "The methods that the path supports.",
        "required": True,
        "schema": {"type": "string", "examples": ["POST"]},
    },
}

WEBHOOK_HEADERS: Final[tuple[tuple[str, str, dict[str, object]], ...]] = (
    ("X-Partner-Webhook-Event", "The type of the event.", {"type": "string"}),
    (
        "X-Partner-Webhook-Timestamp",
        "Unix seconds of this attempt.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    (
        "X-Partner-Webhook-Sign",
        "Hex HMAC-SHA256 of the raw body, keyed with the webhookSecret.",
        {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    ),
    (
        "X-Partner-Webhook-Id",
        "The id of the event, the same on every attempt.",
        {"type": "string"},
    ),
)
WEBHOOK_RESPONSES: Final[dict[str, dict[str, str]]] = {
    "2XX": {"description": "Delivered. Any other response is followed by retries for about a day."}
}
