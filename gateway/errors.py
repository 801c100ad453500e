"""The error table: code, constant and HTTP status of each error (contract, section 2)."""

from typing import Annotated, Final

import msgspec

from domain import errors
from domain.reasons import Reason
from domain.wire import one_of

DETAILED: Final = frozenset({1, 7, 8, 9, 15})
"""Codes with details: those of a request's content. Details of who calls would help an attacker."""


class DetailOut(msgspec.Struct, frozen=True):
    """What is rejected, and why."""

    field: Annotated[
        str | None,
        msgspec.Meta(description="A field, as `from.chain`, or a header; null for the request."),
    ]
    reason: Annotated[str, one_of(Reason, name="ErrorReason")]


class ErrorResponse(msgspec.Struct, frozen=True):
    """A row of the table. `reason` is that of an error without an exception of the domain."""

    code: int
    msg: str
    status: int
    retry_after: int | None = None
    reason: Reason | None = None

    def body(self) -> bytes:
        """Return the failure envelope: code and constant only."""
        return b'{"code":%d,"msg":"%s"}' % (self.code, self.msg.encode())

    def body_with_details(self, error: errors.RejectedInput | None = None) -> bytes:
        """Return the failure envelope with the facts of `error`; without, for other codes."""
        field, reason = (None, self.reason) if error is None else (error.field, error.reason)
        if self.code not in DETAILED or reason is None:
            return self.body()
        details = msgspec.json.encode([DetailOut(field, reason.value)])
        return b'%b,"details":%b}' % (self.body()[:-1], details)


TOO_MANY_CONNECTIONS_SECONDS = 5
"""How long an address that opened too many connections may not open others."""

INVALID_REQUEST = ErrorResponse(1, "INVALID_REQUEST", 400, reason=Reason.MALFORMED)
TOO_LARGE = ErrorResponse(1, "INVALID_REQUEST", 413, reason=Reason.BODY_TOO_LARGE)
TIMED_OUT = ErrorResponse(1, "INVALID_REQUEST", 408, reason=Reason.TIMEOUT)
TOO_MANY_CONNECTIONS = ErrorResponse(5, "RATE_LIMIT", 429, retry_after=TOO_MANY_CONNECTIONS_SECONDS)
WRONG_METHOD = ErrorResponse(1, "INVALID_REQUEST", 405, reason=Reason.METHOD)
NOT_FOUND = ErrorResponse(6, "NOT_FOUND", 404)
UPSTREAM_ERROR = ErrorResponse(11, "UPSTREAM_ERROR", 503)
INTERNAL = ErrorResponse(99, "INTERNAL", 500)

MAINTENANCE_SECONDS = 60

TABLE: dict[type[errors.DomainError], ErrorResponse] = {
    errors.InvalidCommand: INVALID_REQUEST,
    errors.KeyLimitReached: INVALID_REQUEST,
    errors.InvalidRequest: INVALID_REQUEST,
    errors.InvalidAddress: INVALID_REQUEST,
    errors.IdempotencyConflict: ErrorResponse(1, "INVALID_REQUEST", 409),
    errors.QuoteMismatch: INVALID_REQUEST,
    errors.AuthRequired: ErrorResponse(2, "AUTH_REQUIRED", 401),
    errors.AuthInvalid: ErrorResponse(3, "AUTH_INVALID", 401),
    errors.AuthDisabled: ErrorResponse(4, "AUTH_DISABLED", 401),
    errors.RateLimited: ErrorResponse(5, "RATE_LIMIT", 429),
    errors.OutOfScope: ErrorResponse(16, "SCOPE", 403),
    errors.NotFound: NOT_FOUND,
    errors.EventArchived: NOT_FOUND,
    errors.BelowMinimum: ErrorResponse(7, "LIMIT_MIN", 400),
    errors.AboveMaximum: ErrorResponse(8, "LIMIT_MAX", 400),
    errors.OperatorCapExceeded: ErrorResponse(8, "LIMIT_MAX", 400),
    errors.UnpaidCapExceeded: ErrorResponse(8, "LIMIT_MAX", 400),
    errors.ReserveExceeded: ErrorResponse(9, "RESERVE_EXCEEDED", 503),
    errors.Maintenance: ErrorResponse(10, "MAINTENANCE", 503, retry_after=MAINTENANCE_SECONDS),
    errors.Unavailable: UPSTREAM_ERROR,
    errors.RatesUnavailable: UPSTREAM_ERROR,
    errors.NothingToSwap: UPSTREAM_ERROR,
    errors.EmergencyInvalidChoice: ErrorResponse(12, "EMERGENCY_INVALID_CHOICE", 400),
    errors.CodeConflict: ErrorResponse(13, "CODE_CONFLICT", 409),
    errors.RotationConflict: ErrorResponse(14, "ROTATION_CONFLICT", 409),
    errors.QuoteInvalid: ErrorResponse(15, "QUOTE_INVALID", 409),
    errors.QuoteUsed: ErrorResponse(15, "QUOTE_INVALID", 409),
    errors.InvalidTransition: NOT_FOUND,
}


def error_response(error: errors.DomainError) -> ErrorResponse:
    """Return the row of an error's class, or of its nearest base class."""
    for kind in type(error).__mro__:
        row = TABLE.get(kind)
        if row is not None:
            if isinstance(error, errors.RateLimited):
                return msgspec.structs.replace(row, retry_after=error.retry_after)
            return row
    return INTERNAL
