"""`python -m bench.timing`: response times of known and unknown keys, and of wrong tokens.

The two kinds of calls alternate on one connection to a running sandbox, whose address and demo
partner are read from its data directory. The ratios of their medians are printed.
"""

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.calls import Partner

ROUNDS = 5
CALLS = 2_000


class Call(msgspec.Struct, frozen=True):
    """A request to repeat, with new headers each time."""

    path: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]


def key_calls(api_key: str) -> tuple[Call, Call]:
    """Return calls with invalid signatures: one with a known key, one with an unknown key."""

    def with_key(key: str) -> Call:
        headers = {"X-API-KEY": key, "X-API-SIGN": "0" * 64, "X-API-NONCE": "n" * 16}
        return Call("/v1/price", b"{}", lambda: headers)

    return with_key(api_key), with_key("x" * len(api_key))


def token_calls(base_url: str, api_key: str, api_secret: str) -> tuple[Call, Call]:
    """Create an order; return calls with a token that is almost correct, and with a wrong one."""

    def signed(path: str, body: bytes) -> Call:
        partner = Partner(id="", api_key=api_key, api_secret=api_secret)
        return Call(path, body, lambda: partner.headers(path, body))

    request = {
        "type": "float",
        "fromCcy": "btc",
        "toCcy": "usdt_trc20",
        "direction": "from",
        "amount": "0.01",
        "toAddress": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        "refundAddress": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    }
    with closing(_connected(base_url)) as connection:
        response = _response(connection, signed("/v1/create", json.dumps(request).encode()))
    order = json.loads(response)
    token, order_id = order["data"]["token"], order["data"]["id"]
    almost = token[:-1] + ("A" if token[-1] != "A" else "B")

    def read(with_token: str) -> Call:
        return signed("/v1/order", json.dumps({"id": order_id, "token": with_token}).encode())

    return read(almost), read("z" * len(token))


def closest_ratio(base_url: str, one: Call, other: Call, *, calls: int) -> float:
    """Return the ratio of the medians in the one of five rounds in which it is closest to 1.

    Other processes disturb some rounds; a difference caused by the service is in all of them.
    """
    with closing(_connected(base_url)) as connection:
        ratios = [_ratio(connection, one, other, calls=calls) for _ in range(ROUNDS)]
    return min(ratios, key=lambda ratio: abs(ratio - 1))


def _ratio(connection: http.client.HTTPConnection, one: Call, other: Call, *, calls: int) -> float:
    took: tuple[list[int], list[int]] = ([], [])
    for _ in range(calls):
        for call, times in zip((one, other), took, strict=True):
            began = time.perf_counter_ns()
            _response(connection, call)
            times.append(time.perf_counter_ns() - began)
    return statistics.median(took[0]) / statistics.median(took[1])


def main() -> None:
    """Measure against a running `swapgate up` and print both ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".swapgate"))
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args()
    demo = json.loads((options.data_dir / "demo.json").read_bytes())
    base_url = demo["baseUrl"]
    keys = key_calls(demo["apiKey"])
    tokens = token_calls(base_url, demo["apiKey"], demo["apiSecret"])
    for name, pair in (("known / unknown key", keys), ("almost correct / wrong token", tokens)):
        print(f"{name}: {closest_ratio(base_url, *pair, calls=options.calls):.3f}")


def _connected(base_url: str) -> http.client.HTTPConnection:
    address = urlsplit(base_url)
    return http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)


def _response(connection: http.client.HTTPConnection, call: Call) -> bytes:
    connection.request("POST", call.path, call.body, dict(call.headers()))
    return connection.getresponse().read()


if __name__ == "__main__":
    main()
