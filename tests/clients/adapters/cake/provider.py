"""An exchange provider in the shape of Cake's: availability, limits, rate, trades."""

from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from tests.clients.adapters.cake.api import ApiError, SwapgateApi
from tests.clients.adapters.cake.currencies import Asset, CryptoCurrency
from tests.clients.adapters.cake.quotes import Quotes, Swap, UnsupportedPair
from tests.clients.adapters.cake.trade import (
    Limits,
    Trade,
    TradeNotCreated,
    TradeNotFound,
    TradeRequest,
    trade_of,
)

NOT_FOUND: Final = 6


class SwapgateExchangeProvider:
    """Quotes and trades of one partner."""

    title = "Swapgate"
    is_enabled = True
    supports_fixed_rate = True

    def __init__(self, api: SwapgateApi) -> None:
        self._api = api
        self._quotes = Quotes(api)

    def check_is_available(self) -> bool:
        """Return whether new orders are accepted at present."""
        try:
            for pair in self._api.unsigned("/pairs", {}):
                swap = Swap(Asset(pair["from"], 0), Asset(pair["to"], 0), False, False)
                return "MAINTENANCE" not in self._quotes.quote(swap, "1").problems
        except (ApiError, OSError):
            pass
        return False

    def fetch_limits(
        self, from_: CryptoCurrency, to: CryptoCurrency, *, is_fixed_rate_mode: bool
    ) -> Limits:
        """Return the limits of the amount that the user enters.

        At a fixed rate the user enters what to receive, and its currency is named first. Raises
        UnsupportedPair, ApiError.
        """
        sent, received = (to, from_) if is_fixed_rate_mode else (from_, to)
        swap = self._quotes.swap(
            sent, received, is_fixed=is_fixed_rate_mode, is_receive_amount=is_fixed_rate_mode
        )
        smallest = self._quotes.quote(swap, "0")
        least, maximum = smallest.limit("LIMIT_MIN"), smallest.max
        if "PAIR_UNSUPPORTED" in smallest.problems or least is None or maximum is None:
            raise UnsupportedPair(", ".join(smallest.problems))
        largest = self._quotes.quote(swap, maximum)
        return Limits(min=least, max=largest.limit("LIMIT_MAX") or Decimal(maximum))

    def fetch_rate(
        self,
        from_: CryptoCurrency,
        to: CryptoCurrency,
        amount: Decimal,
        *,
        is_fixed_rate_mode: bool,
        is_receive_amount: bool,
    ) -> Decimal:
        """Return what one unit sent yields, all fees included; 0 if nothing can be exchanged."""
        if amount <= 0:
            return Decimal(0)
        try:
            swap = self._quotes.swap(
                from_, to, is_fixed=is_fixed_rate_mode, is_receive_amount=is_receive_amount
            )
            quote = self._quotes.quote(swap, amount)
        except (ApiError, UnsupportedPair, OSError):
            return Decimal(0)
        return Decimal(0) if quote.problems else quote.rate

    def create_trade(self, request: TradeRequest, *, is_fixed_rate_mode: bool) -> Trade:
        """Open an order with exactly the numbers of a quote. Raises TradeNotCreated."""
        try:
            swap = self._quotes.swap(
                request.from_currency,
                request.to_currency,
                is_fixed=is_fixed_rate_mode,
                is_receive_amount=is_fixed_rate_mode,
            )
            amount = request.to_amount if is_fixed_rate_mode else request.from_amount
            quote = self._quotes.quote(swap, amount)
            if quote.problems:
                raise TradeNotCreated(", ".join(quote.problems))
            order = self._create(
                {
                    "quoteId": quote.data["quoteId"],
                    "toAddress": request.to_address,
                    "refundAddress": request.refund_address,
                }
            )
        except (ApiError, UnsupportedPair) as error:
            raise TradeNotCreated(str(error)) from error
        return trade_of(order, self.title)

    def find_trade_by_id(self, trade_id: str) -> Trade:
        """Return a trade as it is now. Raises TradeNotFound."""
        try:
            order = self._api.signed("/order", {"id": trade_id})
        except ApiError as error:
            if error.code == NOT_FOUND:
                raise TradeNotFound(trade_id) from None
            raise
        return trade_of(order, self.title)

    def _create(self, wanted: dict[str, str]) -> dict[str, Any]:
        """Open the order; without a response once more, with the same key."""
        key = str(uuid4())
        try:
            order: dict[str, Any] = self._api.signed("/create", wanted, idempotency_key=key)
        except OSError:
            order = self._api.signed("/create", wanted, idempotency_key=key)
        return order
