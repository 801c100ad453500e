"""Which answers an endpoint can give: by status, with every code, from the table of errors."""

import inspect
from collections.abc import Iterable
from typing import Any, Final

from domain import errors
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
"""Rows of the table of errors, and when each of them is the answer."""

EVERY_CALL: Final = (
    errors.InvalidRequest,
    errors.AuthRequired,
    errors.AuthInvalid,
    errors.AuthDisabled,
    errors.RateLimited,
    errors.Unavailable,
)
"""What can stop any call."""

OTHERWISE: Final[Reasons] = {
    WRONG_METHOD: "The path takes another method.",
    TIMED_OUT: "The body took too long to arrive.",
    TOO_LARGE: "The body has more than 64 KiB.",
    INTERNAL: "A defect of the service, logged with the request's id.",
}
"""Answers that no fact of the domain stands behind."""


BEFORE_ADMISSION: Final = frozenset({401, 405, 408, 413})
"""Statuses of calls that have not been charged for, and so don't tell what is left."""


def responses(endpoint: Endpoint, data: Document) -> Document:
    """Return the endpoint's responses by status; `data` is the schema of what a success carries."""
    answers: Document = {"200": _success(endpoint, data)}
    by_status: dict[int, Reasons] = {}
    for answer, when in _reasons(endpoint).items():
        by_status.setdefault(answer.status, {})[answer] = when
    for status, reasons in sorted(by_status.items()):
        answers[str(status)] = _refusals(reasons)
    return answers


def failure_schemas() -> Document:
    """Return the schema of each failure's envelope, by component name."""
    return {_schema_name(answer): _envelope(answer) for answer in _every_answer()}


def _every_answer() -> Iterable[ErrorResponse]:
    rows = [*TABLE.values(), *OTHERWISE]
    return {answer.msg: answer for answer in sorted(rows, key=lambda row: row.code)}.values()


def _reasons(endpoint: Endpoint) -> Reasons:
    reasons: Reasons = {}
    for fact in dict.fromkeys((*EVERY_CALL, *endpoint.refusals)):
        if fact is errors.AuthRequired and not endpoint.auth_required:
            when = "Only one of key and signature was sent, or only a nonce."
        else:
            when = " ".join((inspect.getdoc(fact) or "").split())
        answer = TABLE[fact]
        reasons[answer] = f"{reasons[answer]} {when}" if answer in reasons else when
    return reasons | OTHERWISE


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


def _refusals(reasons: Reasons) -> Document:
    ordered = sorted(reasons, key=lambda answer: answer.code)
    schemas = [{"$ref": f"#/components/schemas/{_schema_name(answer)}"} for answer in ordered]
    names = ["X-Request-Id", "Cache-Control"]
    if any(answer.status == WRONG_METHOD.status for answer in ordered):
        names.append("Allow")
    if any(answer.status in (429, 503) for answer in ordered):
        names.append("Retry-After")
    if ordered[0].status not in BEFORE_ADMISSION:
        names += ["RateLimit-Policy", "RateLimit"]
    return {
        "description": "\n".join(
            f"- {answer.code} `{answer.msg}`: {reasons[answer]}" for answer in ordered
        ),
        "headers": _headers(*names),
        "content": {
            "application/json": {
                "schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas},
                "examples": {
                    answer.msg: {"value": {"code": answer.code, "msg": answer.msg}}
                    for answer in ordered
                },
            }
        },
    }


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _schema_name(answer: ErrorResponse) -> str:
    return answer.msg.title().replace("_", "") + "Failure"


def _envelope(answer: ErrorResponse) -> Document:
    return {
        "type": "object",
        "required": ["code", "msg"],
        "properties": {"code": {"const": answer.code}, "msg": {"const": answer.msg}},
        "additionalProperties": False,
    }
