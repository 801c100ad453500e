"""What the document says in words: how to sign, what is limited, what its headers mean."""

from typing import Final

TITLE: Final = "Swapgate"
VERSION: Final = "1"
SUMMARY: Final = "The partner API of an instant coin-swap exchange."

DESCRIPTION: Final = """\
Requests and answers are JSON in UTF-8, up to 64 KiB. A success is
`{"code":0,"msg":"","data":...}`, a failure `{"code":<int>,"msg":"<CONSTANT>"}`: the code is what
to program against, the HTTP status a hint. Fields that the server doesn't know are ignored, and
answers may get new fields at any time. A body in which a name stands twice is refused.

## Signing

Three headers: `X-API-KEY`, the public key; `X-API-SIGN`, the lower-case hex HMAC-SHA256 of the
exact bytes of the request's body, keyed by the apiSecret's UTF-8 bytes; `X-API-NONCE`, 16 to 64
characters of `A-Z a-z 0-9 _ -`, new for every call, retries included. A call without a body signs
zero bytes.

    sign = hex(hmac_sha256(key=apiSecret, message=body))

Where signing is optional, send all three headers or none. `X-API-KEY: <key>.<code>` attributes the
call to a reference code; a code that isn't one doesn't fail the call.

## Weights

Every signed call has a weight, `x-weight` here, and a partner a budget in any 60 seconds: 2,500
unless the operator sets another. Signed answers carry `RateLimit-Policy` and `RateLimit`; a call
beyond the budget gets code 5 and `Retry-After`. Its nonce is spent all the same.

## Everywhere

A path that isn't listed here is answered with code 6 (`NOT_FOUND`, HTTP 404), another method with
code 1 (`INVALID_REQUEST`, HTTP 405) and `Allow`. `/v1` and `/api/v1` are the same, byte for byte.
Requests that aren't HTTP are refused by the server below with an empty body: 400, 414 or 431.
"""

SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-KEY",
        "description": "The partner's public key, or `<key>.<code>` to name a reference code.",
    },
    "sign": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-SIGN",
        "description": "Hex HMAC-SHA256 of the request's body, keyed by the apiSecret.",
    },
    "nonce": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-NONCE",
        "description": "16 to 64 characters of `A-Z a-z 0-9 _ -`, used once. It is remembered for "
        "five minutes at least.",
    },
}

PARAMETERS: Final[dict[str, dict[str, object]]] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "An id for this request: 1 to 64 characters of `A-Z a-z 0-9 _ -`. Another "
        "one, or none, and the server makes one.",
        "schema": {"type": "string", "examples": ["checkout-7781"]},
    },
    "OrderId": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The order's `id`. A value that is not a UUID is unknown: error 6.",
        "schema": {"type": "string", "examples": ["018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47"]},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "8 to 128 printable ASCII characters. The same key with the same body gives "
        'the same order again, with `"token":null`; with another body it is refused: 1, HTTP 409.',
        "schema": {
            "type": "string",
            "pattern": "^[!-~][ -~]{6,126}[!-~]$",
            "examples": ["cart-2024-05-27-0001"],
        },
    },
}

HEADERS: Final[dict[str, dict[str, object]]] = {
    "X-Request-Id": {
        "description": "The request's id: the caller's own where it was well-formed.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
    "Cache-Control": {
        "description": "Answers are never to be stored.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "RateLimit-Policy": {
        "description": "The budget `q` in weight units a window of `w` seconds, for signed calls "
        "(IETF httpapi draft).",
        "schema": {"type": "string", "examples": ['"default";q=2500;w=60']},
    },
    "RateLimit": {
        "description": "What is left of the budget, `r`, and the seconds `t` until more comes "
        "free, for signed calls (IETF httpapi draft).",
        "schema": {"type": "string", "examples": ['"default";r=2449;t=12']},
    },
    "Retry-After": {
        "description": "Whole seconds after which the call may be repeated.",
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["12"]},
    },
    "Allow": {
        "description": "The methods that the path takes.",
        "required": True,
        "schema": {"type": "string", "examples": ["POST"]},
    },
}

WEBHOOK_HEADERS: Final[tuple[tuple[str, str, dict[str, object]], ...]] = (
    ("X-Partner-Webhook-Event", "The event's type.", {"type": "string"}),
    (
        "X-Partner-Webhook-Timestamp",
        "Unix seconds of this attempt.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    (
        "X-Partner-Webhook-Sign",
        "Hex HMAC-SHA256 of the raw body, keyed by the webhookSecret.",
        {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    ),
    (
        "X-Partner-Webhook-Id",
        "The event's id, the same on every attempt.",
        {"type": "string"},
    ),
)
WEBHOOK_ANSWERS: Final[dict[str, dict[str, str]]] = {
    "2XX": {"description": "Received. Anything else, and it is sent again, for about a day."}
}
