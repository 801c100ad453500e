"""The reasons why an action fails, one class each; entry points map them to responses."""


class DomainError(Exception):
    """Base class. Its message is for operators and logs, never for the wire."""


class InvalidRequest(DomainError):
    """The request is malformed or not allowed: unknown asset, invalid amount."""


class InvalidAddress(InvalidRequest):
    """The address or its tag is not valid on its network."""


class IdempotencyConflict(InvalidRequest):
    """The Idempotency-Key was used before with a different body."""


class AuthRequired(DomainError):
    """The API key or the signature is missing where both are required."""


class AuthInvalid(DomainError):
    """Unknown key, invalid signature, or a nonce that is missing, malformed or reused."""


class AuthDisabled(DomainError):
    """The signature is valid, but the partner is disabled."""


class OutOfScope(DomainError):
    """The call is outside the scope of the API key."""


class RateLimited(DomainError):
    """The weight budget is used up: repeat the call after the seconds in `Retry-After`."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class NotFound(DomainError):
    """The caller has no such object."""


class BelowMinimum(DomainError):
    """The order is worth less than the pair's USD minimum, or less than its network fee."""


class AboveMaximum(DomainError):
    """The order is worth more than the pair's USD maximum or one of the operator's caps allows."""


class UnpaidCapExceeded(AboveMaximum):
    """Open orders without a deposit are worth too much together: of the caller, or of the page."""


class ReserveExceeded(DomainError):
    """The payout reserve does not cover the order."""


class Maintenance(DomainError):
    """Maintenance mode is on."""


class Unavailable(DomainError):
    """A dependency is unavailable: rates, database, Valkey, a free pay-in address."""


class RatesUnavailable(Unavailable):
    """There are no prices, they are too old, or a coin has none."""


class NothingToSwap(Unavailable):
    """No pair can be swapped: no asset is connected or enabled, or all pairs are disabled."""


class EmergencyInvalidChoice(DomainError):
    """The choice is not available for the order."""


class CodeConflict(DomainError):
    """The reference code exists, or the partner has reached its maximum number of codes."""


class RotationConflict(DomainError):
    """A concurrent key rotation came first."""


class InvalidTransition(DomainError):
    """The order's state does not allow the transition."""
