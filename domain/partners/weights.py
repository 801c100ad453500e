"""Weights of calls, and a model of the sliding window that limits them (contract, section 4).

Tests compare the Valkey script with this model.
"""

from collections import deque
from enum import StrEnum

WINDOW_MS = 60_000
DEFAULT_BUDGET = 2_500


class Call(StrEnum):
    """A call that is charged; the value names it in metrics and documentation."""

    CURRENCIES = "currencies"
    PAIRS = "pairs"
    PRICE = "price"
    QUOTE = "quote"
    CREATE = "create"
    ORDER = "order"
    EMERGENCY = "emergency"
    QR = "qr"
    KEYS_ROTATE = "keys/rotate"
    CODES = "codes"
    STATUS = "status"
    VALIDATE_ADDRESS = "address/validate"
    ORDERS = "orders"
    ORDERS_STATUS = "orders/status"
    SANDBOX = "sandbox"


WEIGHTS = (
    dict.fromkeys(Call, 1)
    | {Call.CREATE: 50, Call.QR: 5}
    | dict.fromkeys((Call.ORDERS, Call.ORDERS_STATUS), 5)
)


class SlidingWindow:
    """Admits weight as long as no 60-second window holds more than the budget."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._admitted: deque[tuple[int, int]] = deque()

    def admit(self, *, weight: int, at_ms: int) -> int:
        """Return 0 and charge `weight`, or the whole seconds after which it would be admitted.

        A weight admitted at t counts in [t, t + 60 s). Times must not go backwards.
        """
        while self._admitted and self._admitted[0][0] <= at_ms - WINDOW_MS:
            self._admitted.popleft()
        excess = sum(entry[1] for entry in self._admitted) + weight - self._budget
        if excess <= 0:
            self._admitted.append((at_ms, weight))
            return 0
        for admitted_at, admitted_weight in self._admitted:
            excess -= admitted_weight
            if excess <= 0:
                return -(-(admitted_at + WINDOW_MS - at_ms) // 1000)
        return WINDOW_MS // 1000
