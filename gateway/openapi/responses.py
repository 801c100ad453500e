"""The responses of an endpoint by status, with every error code, from the error table."""

import inspect
from typing import Final

from domain import errors
from domain.partners.scopes import EVERY_SCOPE
from gateway.api.endpoint import Endpoint
from gateway.errors import (
    INTERNAL,
    TABLE,
    TIMED_OUT,
    TOO_LARGE,
    WRONG_METHOD,
    DetailOut,
    ErrorResponse,
)
from gateway.openapi.schemas import REFERENCE, Document, Schemas

Reasons = dict[ErrorResponse, str]
"""Rows of the error table, and when each of them is returned."""

EVERY_CALL: Final = (
    errors.InvalidRequest,
    errors.AuthRequired,
    errors.AuthInvalid,
    errors.AuthDisabled,
    errors.RateLimited,
    errors.Unavailable,
)
"""The errors of every call."""

NOT_FROM_DOMAIN: Final[Reasons] = {
    WRONG_METHOD: "The path does not support the method.",
    TIMED_OUT: "The body was not received in time.",
    TOO_LARGE: "The body exceeds 64 KiB.",
    INTERNAL: "An internal error, logged with the id of the request.",
}
"""Errors that no exception of the domain represents."""

BEFORE_ADMISSION: Final = frozenset({401, 405, 408, 413})
"""Statuses of calls that were not charged, and so have no RateLimit headers."""

FAILURE: Final = "Failure"
ERROR_NAME: Final = "ErrorName"


def _names() -> list[str]:
    rows = sorted([*TABLE.values(), *NOT_FROM_DOMAIN], key=lambda row: row.code)
    return list(dict.fromkeys(row.msg for row in rows))


FAILURE_SCHEMAS: Final[Document] = {
    ERROR_NAME: {"title": ERROR_NAME, "type": "string", "enum": _names()},
    FAILURE: {
        "title": FAILURE,
        "description": "A failed call. Decide by `code`; for a code that is not listed here, which "
        "a later version may add, by the HTTP status.",
        "type": "object",
        "required": ["code", "msg"],
        "properties": {
            "code": {"type": "integer"},
            "msg": {"anyOf": [{"$ref": f"{REFERENCE}{ERROR_NAME}"}, {"type": "string"}]},
            "details": {
                "description": "With `X-API-DETAILS: 1`, for codes 1, 7, 8, 9 and 15 only.",
                "type": "array",
                "items": {"$ref": f"{REFERENCE}{DetailOut.__name__}"},
            },
        },
    },
    **Schemas([DetailOut]).components,
}


def responses(endpoint: Endpoint, data: Document) -> Document:
    """Return the responses of an endpoint by status; `data` is the schema of a success's data."""
    documented: Document = {"200": _success(endpoint, data)}
    by_status: dict[int, Reasons] = {}
    for error, reason in _reasons(endpoint).items():
        by_status.setdefault(error.status, {})[error] = reason
    for status, reasons in sorted(by_status.items()):
        documented[str(status)] = _failure(reasons)
    return documented


def _reasons(endpoint: Endpoint) -> Reasons:
    reasons: Reasons = {}
    scope = () if endpoint.scopes == EVERY_SCOPE else (errors.OutOfScope,)
    for kind in dict.fromkeys((*EVERY_CALL, *scope, *endpoint.errors)):
        if kind is errors.AuthRequired and not endpoint.auth_required:
            reason = "Only one of key and signature was sent, or only a nonce."
        else:
            reason = " ".join((inspect.getdoc(kind) or "").split())
        row = TABLE[kind]
        reasons[row] = f"{reasons[row]} {reason}" if row in reasons else reason
    return reasons | NOT_FROM_DOMAIN


def _success(endpoint: Endpoint, data: Document) -> Document:
    schema = {
        "type": "object",
        "required": ["code", "msg", "data"],
        "properties": {
            "code": {"type": "integer", "const": 0},
            "msg": {"type": "string", "const": ""},
            "data": data,
        },
    }
    headers = _headers("X-Request-Id", "Cache-Control")
    for name in ("RateLimit-Policy", "RateLimit"):
        headers[name] = {"$ref": f"#/components/headers/{name}"}
    if endpoint.any_origin:
        headers |= _headers("Access-Control-Allow-Origin")
    example = {"code": 0, "msg": "", "data": endpoint.example.data}
    content = {"schema": schema, "examples": {"success": {"value": example}}}
    return {
        "description": "Success.",
        "headers": headers,
        "content": {"application/json": content},
    }


def _failure(reasons: Reasons) -> Document:
    ordered = sorted(reasons, key=lambda error: error.code)
    names = ["X-Request-Id", "Cache-Control"]
    if any(error.status == WRONG_METHOD.status for error in ordered):
        names.append("Allow")
    if any(error.status in (429, 503) for error in ordered):
        names.append("Retry-After")
    if ordered[0].status not in BEFORE_ADMISSION:
        names += ["RateLimit-Policy", "RateLimit"]
    return {
        "description": "\n".join(
            f"- {error.code} `{error.msg}`: {reasons[error]}" for error in ordered
        ),
        "headers": _headers(*names),
        "content": {
            "application/json": {
                "schema": {"$ref": f"{REFERENCE}{FAILURE}"},
                "examples": {
                    error.msg: {"value": {"code": error.code, "msg": error.msg}}
                    for error in ordered
                },
            }
        },
    }


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
