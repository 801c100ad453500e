"""The facts that can stop an action, one class each; doors decide how to tell them."""


class DomainError(Exception):
    """Base of every fact below. Its text is for operators and logs, never for the wire."""


class InvalidRequest(DomainError):
    """What was asked for can't be understood or isn't allowed: unknown asset, bad amount."""


class InvalidAddress(InvalidRequest):
    """The address or its tag isn't valid on the network it is meant for."""


class IdempotencyConflict(InvalidRequest):
    """An Idempotency-Key was used before with another body."""


class AuthRequired(DomainError):
    """Key or signature missing where both are needed."""


class AuthInvalid(DomainError):
    """Unknown key, bad signature, or a nonce that is missing, malformed or used."""


class AuthDisabled(DomainError):
    """The signature is right, and the partner is disabled."""


class RateLimited(DomainError):
    """The weight budget is spent. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class NotFound(DomainError):
    """No such order for this caller."""


class BelowMinimum(DomainError):
    """The order is worth less than the pair's USD minimum, or less than its network fee."""


class AboveMaximum(DomainError):
    """The order is worth more than the pair's USD maximum or the operator's daily cap."""


class ReserveExceeded(DomainError):
    """The payout reserve can't cover the order."""


class Maintenance(DomainError):
    """The operator has switched maintenance on."""


class Unavailable(DomainError):
    """Something this call needs is missing: rates, database, Valkey, a free pay-in address."""


class EmergencyInvalidChoice(DomainError):
    """The choice isn't one of those offered."""


class CodeConflict(DomainError):
    """The reference code exists, or the partner has no room for another."""


class RotationConflict(DomainError):
    """Another key rotation won."""


class InvalidTransition(DomainError):
    """An order can't go from its state to the one asked for."""
