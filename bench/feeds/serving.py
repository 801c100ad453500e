"""The rate at which a small feed is served, compared with bare Granian returning the same bytes."""

import re
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.feeds.catalogue import priced_catalogue
from bench.processes import Server, free_port, running
from domain.market.pricing import UNBOUNDED
from feeds.xml.document import EMPTY, render_rates
from gateway.asgi import AsgiMiddleware
from gateway.http.connections.clients import ClientConnections
from gateway.pages.feed_routes import direct_feeds
from gateway.pages.rate_feeds import RATES, Feed, RateFeeds, negotiated
from gateway.runtime.market import LiveMarket

SMALL = 4
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
SERVER_CORE, LOAD_CORE = 0, 1

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def compare() -> None:
    """Measure both in turn and print the medians and their ratio."""
    with ExitStack() as stack:
        servers = {app: stack.enter_context(_on_granian(app)) for app in ("bare", "ours")}
        measured: dict[str, list[float]] = {app: [] for app in servers}
        for _ in range(ROUNDS):
            for app, server in servers.items():
                measured[app].append(_requests_per_second(server.port))
    bare, ours = (statistics.median(rates) for rates in measured.values())
    print(f"a feed of {len(_body()):,} bytes: {ours:,.0f} requests per second,", end=" ")
    print(f"{ours / bare:.2f} of bare Granian's {bare:,.0f}")


@contextmanager
def _on_granian(app: str) -> Iterator[Server]:
    port = free_port()
    argv = [
        *(str(Path(sys.executable).with_name("granian")), "--interface", "asgi"),
        *("--factory", f"bench.feeds.serving:{app}", "--port", str(port)),
        *("--http", "1", "--no-ws", "--loop", "uvloop", "--log-level", "warning"),
    ]
    with running(argv, port) as server:
        server.pin(SERVER_CORE)
        yield server


def bare() -> Asgi:
    """Return an application that responds to every request with the feed's bytes."""
    body = _body()
    headers = [(b"content-type", b"application/xml"), (b"content-length", b"%d" % len(body))]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return application


def ours() -> AsgiMiddleware:
    """Return the ASGI middleware with feeds and no other application."""

    class Rendered(RateFeeds):
        def __init__(self) -> None:
            super().__init__(LiveMarket(), render_rates, empty=EMPTY)
            documents = render_rates(priced_catalogue(SMALL), UNBOUNDED)
            self._documents = {Feed.FLOAT_XML: negotiated(Feed.FLOAT_XML, documents)}
            self._requested_at[Feed.FLOAT_XML] = float("inf")

    return AsgiMiddleware(
        _no_application,
        direct_feeds(Rendered()),
        body_deadline_seconds=1,
        connections=ClientConnections(lambda address: address),
    )


async def _no_application(scope: Any, _: Any, __: Any) -> None:
    if scope["type"] != "lifespan":
        raise ValueError(scope["path"])


def _body() -> bytes:
    return render_rates(priced_catalogue(SMALL), UNBOUNDED).plain


def _requests_per_second(port: int) -> float:
    argv = [
        *("taskset", "-c", str(LOAD_CORE), "wrk", "--threads", "1"),
        *("--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s"),
        f"http://127.0.0.1:{port}{RATES}",
    ]
    report = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    match = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if match is None or "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(report)
    return float(match.group(1))
