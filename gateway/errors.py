"""The error table: which code, constant and HTTP status tells each fact (contract, section 2)."""

import msgspec

from domain import errors


class Answer(msgspec.Struct, frozen=True):
    """A row of the table."""

    code: int
    msg: str
    status: int
    retry_after: int | None = None

    def body(self) -> bytes:
        """Return the envelope: nothing but code and constant."""
        return b'{"code":%d,"msg":"%s"}' % (self.code, self.msg.encode())


INVALID_REQUEST = Answer(1, "INVALID_REQUEST", 400)
TOO_LARGE = Answer(1, "INVALID_REQUEST", 413)
TIMED_OUT = Answer(1, "INVALID_REQUEST", 408)
WRONG_METHOD = Answer(1, "INVALID_REQUEST", 405)
NOT_FOUND = Answer(6, "NOT_FOUND", 404)
UPSTREAM_ERROR = Answer(11, "UPSTREAM_ERROR", 503)
INTERNAL = Answer(99, "INTERNAL", 500)

MAINTENANCE_SECONDS = 60

TABLE: dict[type[errors.DomainError], Answer] = {
    errors.InvalidRequest: INVALID_REQUEST,
    errors.InvalidAddress: INVALID_REQUEST,
    errors.IdempotencyConflict: Answer(1, "INVALID_REQUEST", 409),
    errors.AuthRequired: Answer(2, "AUTH_REQUIRED", 401),
    errors.AuthInvalid: Answer(3, "AUTH_INVALID", 401),
    errors.AuthDisabled: Answer(4, "AUTH_DISABLED", 401),
    errors.RateLimited: Answer(5, "RATE_LIMIT", 429),
    errors.NotFound: NOT_FOUND,
    errors.BelowMinimum: Answer(7, "LIMIT_MIN", 400),
    errors.AboveMaximum: Answer(8, "LIMIT_MAX", 400),
    errors.ReserveExceeded: Answer(9, "RESERVE_EXCEEDED", 503),
    errors.Maintenance: Answer(10, "MAINTENANCE", 503, retry_after=MAINTENANCE_SECONDS),
    errors.Unavailable: UPSTREAM_ERROR,
    errors.EmergencyInvalidChoice: Answer(12, "EMERGENCY_INVALID_CHOICE", 400),
    errors.CodeConflict: Answer(13, "CODE_CONFLICT", 409),
    errors.RotationConflict: Answer(14, "ROTATION_CONFLICT", 409),
    errors.InvalidTransition: NOT_FOUND,
}


def answer_for(error: errors.DomainError) -> Answer:
    """Return the row for an error, or for the nearest of its bases."""
    for kind in type(error).__mro__:
        row = TABLE.get(kind)
        if row is not None:
            if isinstance(error, errors.RateLimited):
                return msgspec.structs.replace(row, retry_after=error.retry_after)
            return row
    return INTERNAL
