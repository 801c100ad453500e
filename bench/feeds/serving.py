"""How fast a small feed is served, in turn with bare Granian answering the very same bytes."""

import os
import re
import statistics
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

from bench.feeds.catalogue import priced_catalogue
from bench.limits.servers import LOAD_CORE, comparison
from domain.pricing import UNBOUNDED
from feeds.xml.document import EMPTY, render_rates
from gateway.clock import SystemClock
from gateway.front import Front
from gateway.market import LiveMarket
from gateway.rate_feeds import RATES, RateFeeds, served

SMALL = 4
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def compare() -> None:
    """Measure both in turn and print medians and their ratio."""
    with ExitStack() as stack:
        targets = {
            app: stack.enter_context(comparison(app, f"bench.feeds.serving:{app}", batch=False))
            for app in ("bare", "ours")
        }
        measured: dict[str, list[float]] = {app: [] for app in targets}
        for _ in range(ROUNDS):
            for app, target in targets.items():
                measured[app].append(_requests_a_second(target.port))
    bare, ours = (statistics.median(found) for found in measured.values())
    print(f"a feed of {len(_body()):,} bytes: {ours:,.0f} requests a second,", end=" ")
    print(f"{ours / bare:.2f} of bare Granian's {bare:,.0f}")


def bare() -> Asgi:
    """Return an application that answers the feed's bytes to whatever comes, as bench.limits'."""
    _schedule()
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


def ours() -> Front:
    """Return the front with a feed and nothing behind it."""
    _schedule()

    class Rendered(RateFeeds):
        def __init__(self) -> None:
            super().__init__(LiveMarket(SystemClock()), render_rates, empty=EMPTY)
            documents = render_rates(priced_catalogue(SMALL), UNBOUNDED)
            self._serve(served(documents), fixed=False)

    return Front(_nothing, door=None, feeds=Rendered(), body_deadline_seconds=1)


async def _nothing(scope: Any, _: Any, __: Any) -> None:
    if scope["type"] != "lifespan":
        raise ValueError(scope["path"])


def _body() -> bytes:
    return render_rates(priced_catalogue(SMALL), UNBOUNDED).plain


def _requests_a_second(port: int) -> float:
    argv = [
        *("taskset", "-c", str(LOAD_CORE), "wrk", "--threads", "1"),
        *("--connections", str(CONNECTIONS), "--duration", f"{SECONDS}s"),
        f"http://127.0.0.1:{port}{RATES}",
    ]
    report = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if found is None or "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(report)
    return float(found.group(1))


def _schedule() -> None:
    if os.environ.get("BENCH_BATCH") == "true":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
