"""The responses of an endpoint by status, with every error code, from the error table."""

import inspect
from collections.abc import Iterable
from typing import Any, Final

from domain import errors
from domain.partners.scopes import EVERY_SCOPE
from gateway.api.endpoint import Endpoint
from gateway.errors import (
    INTERNAL,
    TABLE,
    TIMED_OUT,
    TOO_LARGE,
    WRONG_METHOD,
    ErrorResponse,
)

Document = dict[str, Any]
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


def responses(endpoint: Endpoint, data: Document) -> Document:
    """Return the responses of an endpoint by status; `data` is the schema of a success's data."""
    documented: Document = {"200": _success(endpoint, data)}
    by_status: dict[int, Reasons] = {}
    for error, reason in _reasons(endpoint).items():
        by_status.setdefault(error.status, {})[error] = reason
    for status, reasons in sorted(by_status.items()):
        documented[str(status)] = _failure(reasons)
    return documented


def failure_schemas() -> Document:
    """Return the schema of each failure's envelope by component name."""
    return {_schema_name(error): _envelope(error) for error in _all_errors()}


def _all_errors() -> Iterable[ErrorResponse]:
    rows = [*TABLE.values(), *NOT_FROM_DOMAIN]
    return {row.msg: row for row in sorted(rows, key=lambda row: row.code)}.values()


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
        "properties": {"code": {"const": 0}, "msg": {"const": ""}, "data": data},
    }
    headers = _headers("X-Request-Id", "Cache-Control")
    for name in ("RateLimit-Policy", "RateLimit"):
        headers[name] = {"$ref": f"#/components/headers/{name}"}
    example = {"code": 0, "msg": "", "data": endpoint.example.data}
    content = {"schema": schema, "examples": {"success": {"value": example}}}
    return {
        "description": "Success.",
        "headers": headers,
        "content": {"application/json": content},
    }


def _failure(reasons: Reasons) -> Document:
    ordered = sorted(reasons, key=lambda error: error.code)
    schemas = [{"$ref": f"#/components/schemas/{_schema_name(error)}"} for error in ordered]
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
                "schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas},
                "examples": {
                    error.msg: {"value": {"code": error.code, "msg": error.msg}}
                    for error in ordered
                },
            }
        },
    }


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _schema_name(error: ErrorResponse) -> str:
    return error.msg.title().replace("_", "") + "Failure"


def _envelope(error: ErrorResponse) -> Document:
    return {
        "type": "object",
        "required": ["code", "msg"],
        "properties": {"code": {"const": error.code}, "msg": {"const": error.msg}},
        "additionalProperties": False,
    }
