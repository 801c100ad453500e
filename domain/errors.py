"""The reasons why an action fails, one class each; entry points map them to responses."""

from typing import Final

from domain.reasons import Reason

QUOTE_ID: Final = "quoteId"
"""The field of a request that names a quote."""


class DomainError(Exception):
    """Base class. Its message is for operators and logs, never for the wire."""


class InvalidCommand(DomainError):
    """What an operator or a partner's member wants is not possible; the message tells them why.

    For commands and pages: what an endpoint of the API raises is an InvalidRequest instead.
    """


class KeyLimitReached(InvalidCommand):
    """The partner has its maximum number of API keys."""


class RejectedInput(DomainError):
    """What a request contains is rejected. `field` and `reason` are for callers who ask for them.

    `field` is the name, in the API, of the field or header; None for the request as a whole.
    """

    def __init__(self, message: str = "", *, reason: Reason, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason

    def name_field(self, field: str) -> None:
        """State which field has the rejected value, unless that is stated."""
        self.field = self.field or field


class InvalidRequest(RejectedInput, InvalidCommand):
    """The request is malformed or not allowed: unknown asset, invalid amount."""


class InvalidAddress(InvalidRequest):
    """The address or its tag is not valid on its network."""


class IdempotencyConflict(InvalidRequest):
    """The Idempotency-Key was used before with a different body."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, field="Idempotency-Key", reason=Reason.CONFLICT)


class QuoteMismatch(InvalidRequest):
    """The request names another swap than its quoteId."""

    def __init__(self, message: str = "", *, field: str) -> None:
        super().__init__(message, field=field, reason=Reason.CONFLICT)


class QuoteInvalid(RejectedInput):
    """The quoteId is expired, used, altered, or another partner's."""

    def __init__(self, message: str = "", *, reason: Reason) -> None:
        super().__init__(message, field=QUOTE_ID, reason=reason)


class QuoteUsed(QuoteInvalid):
    """The quote has opened an order."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, reason=Reason.QUOTE_USED)


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


class EventArchived(NotFound):
    """Events of this one's time were archived: whether there was this one is not known here."""


class AmountRejected(RejectedInput):
    """The order would be worth too little or too much; each subclass has its reason."""

    limit_reason: Reason

    def __init__(self, message: str = "") -> None:
        super().__init__(message, field="amount", reason=self.limit_reason)


class BelowMinimum(AmountRejected):
    """The order is worth less than the pair's USD minimum, or less than its network fee."""

    limit_reason = Reason.LIMIT_MIN


class AboveMaximum(AmountRejected):
    """The order is worth more than the pair's USD maximum or one of the operator's caps allows."""

    limit_reason = Reason.LIMIT_MAX


class OperatorCapExceeded(AboveMaximum):
    """A cap on orders of the day, or on open orders at fixed rates, is reached."""

    limit_reason = Reason.OPERATOR_CAP


class UnpaidCapExceeded(AboveMaximum):
    """Open orders without a deposit are worth too much together: of the caller, or of the page."""

    limit_reason = Reason.UNPAID_CAP


class ReserveExceeded(AmountRejected):
    """The payout reserve does not cover the order."""

    limit_reason = Reason.RESERVE_EXCEEDED


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
