"""Coinbase's market data, in the shapes of its public documentation."""

from typing import Any

from tests.support.servers.exchanges.books import MARKETS, Books


def response(books: Books, path: str) -> Any:
    """Return the document at a path of the REST API, or None if there is none."""
    if path == "api/v3/brokerage/market/products":
        return {
            "products": [_product(books, m) for m in MARKETS["coinbase"]],
            "num_products": 4,
        }
    return {"data": []}


def _product(books: Books, market: str) -> Any:
    base, quote = market.split("/")
    bid, _ = books.book("coinbase", market)
    return {
        "product_id": f"{base}-{quote}",
        "price": bid,
        "price_percentage_change_24h": "1.5",
        "volume_24h": "100",
        "volume_percentage_change_24h": "2",
        "base_increment": "0.00000001",
        "quote_increment": "0.00000001",
        "quote_min_size": "1",
        "quote_max_size": "50000000",
        "base_min_size": "0.0001",
        "base_max_size": "3400",
        "base_name": base,
        "quote_name": quote,
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": base,
        "quote_display_symbol": quote,
    }


def stream_message(books: Books, market: str) -> Any:
    """Return a message of the ticker stream."""
    bid, ask = books.book("coinbase", market)
    return {
        "channel": "ticker_batch",
        "client_id": "",
        "timestamp": "2023-03-01T12:15:18.382173051Z",
        "sequence_num": 0,
        "events": [
            {
                "type": "update",
                "tickers": [
                    {
                        "type": "ticker",
                        "product_id": market.replace("/", "-"),
                        "price": bid,
                        "volume_24_h": "1",
                        "low_24_h": "1",
                        "high_24_h": "2",
                        "low_52_w": "1",
                        "high_52_w": "3",
                        "price_percent_chg_24_h": "0.5",
                        "best_bid": bid,
                        "best_bid_quantity": "500.0",
                        "best_ask": ask,
                        "best_ask_quantity": "300.0",
                    }
                ],
            }
        ],
    }
