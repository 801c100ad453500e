"""The reasons why an action fails, one class each; entry points map them to responses."""

from domain.reasons import Reason


class DomainError(Exception):
    """Base class. Its message is for operators and logs, never for the wire."""


class RejectedInput(DomainError):
    """What a request contains is rejected. `field` and `reason` are for callers who ask for them.

    A class that always has the same ones names them itself.
    """

    field: str | None = None
    """The name, in the API, of the field or header that is rejected; None for the whole request."""
    reason: Reason = Reason.OTHER

    def __init__(
        self, message: str = "", *, field: str | None = None, reason: Reason | None = None
    ) -> None:
        super().__init__(message)
        self.field = field or self.field
        self.reason = reason or self.reason

    def name_field(self, field: str) -> None:
        """State which field has the rejected value, unless that is stated."""
        self.field = self.field or field


class InvalidRequest(RejectedInput):
    """The request is malformed or not allowed: unknown asset, invalid amount."""


class KeyLimitReached(InvalidRequest):
    """The partner has its maximum number of API keys."""


class InvalidAddress(InvalidRequest):
    """The address or its tag is not valid on its network."""


class IdempotencyConflict(InvalidRequest):
    """The Idempotency-Key was used before with a different body."""

    field = "Idempotency-Key"
    reason = Reason.CONFLICT


class QuoteMismatch(InvalidRequest):
    """The request names another swap than its quoteId."""

    reason = Reason.CONFLICT


class QuoteInvalid(RejectedInput):
    """The quoteId is expired, used, altered, or another partner's."""

    field = "quoteId"
    reason = Reason.QUOTE_UNKNOWN


class QuoteUsed(QuoteInvalid):
    """The quote has opened an order."""

    reason = Reason.QUOTE_USED


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


class BelowMinimum(RejectedInput):
    """The order is worth less than the pair's USD minimum, or less than its network fee."""

    field = "amount"
    reason = Reason.LIMIT_MIN


class AboveMaximum(RejectedInput):
    """The order is worth more than the pair's USD maximum or one of the operator's caps allows."""

    field = "amount"
    reason = Reason.LIMIT_MAX


class OperatorCapExceeded(AboveMaximum):
    """A cap on orders of the day, or on open orders at fixed rates, is reached."""

    reason = Reason.OPERATOR_CAP


class UnpaidCapExceeded(AboveMaximum):
    """Open orders without a deposit are worth too much together: of the caller, or of the page."""

    reason = Reason.UNPAID_CAP


class ReserveExceeded(RejectedInput):
    """The payout reserve does not cover the order."""

    field = "amount"
    reason = Reason.RESERVE_EXCEEDED


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
