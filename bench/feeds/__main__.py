"""`python -m bench.feeds`: rendering and compressing the feeds of many assets, medians of rounds.

Prints the times of rendering and of encoding, both on a thread next to a running event loop, and
the maximum delay of that loop meanwhile. With `--serve` it also measures the rate at which a small
feed is served, compared with bare Granian (needs wrk).
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

import uvloop

from bench.feeds.catalogue import priced_catalogue
from domain.market.pricing import UNBOUNDED, PriceTable
from feeds.xml.document import RateDocuments, render_rates
from gateway.pages.rate_feeds import Feed, negotiated, yield_to_loop

TICK_SECONDS = 0.001


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", action="store_true", help="also measure serving (needs wrk)")
    options = parser.parse_args()
    table = priced_catalogue(options.assets)
    uvloop.run(_render(table, options.rounds))
    if options.serve:
        from bench.feeds.serving import compare  # noqa: PLC0415  needs wrk and an idle machine

        compare()


async def _render(table: PriceTable, rounds: int) -> None:
    documents = render_rates(table, UNBOUNDED)
    print(
        f"{documents.plain.count(b'<item>'):,} pairs, {len(documents.plain):,} bytes, EREF ", end=""
    )
    print(f"{len(documents.eref):,} bytes")
    idle = [await _beside_loop(lambda: time.sleep(0.1)) for _ in range(rounds)]
    _print("idle thread", idle)
    alone = [await _beside_loop(lambda: render_rates(table, UNBOUNDED)) for _ in range(rounds)]
    _print("rendering all formats without pauses", alone)
    yielding = [
        await _beside_loop(lambda: render_rates(table, UNBOUNDED, pause=yield_to_loop))
        for _ in range(rounds)
    ]
    _print("rendering all formats", yielding)
    for feed in (Feed.FLOAT_XML, Feed.EREF, Feed.FLOAT_JSON):
        encoding = [
            await _beside_loop(lambda feed=feed: negotiated(feed, documents))  # type: ignore[misc]
            for _ in range(rounds)
        ]
        _print(f"gzip, br and ETags of {feed.value}", encoding)


async def _beside_loop(work: Callable[[], RateDocuments | object]) -> tuple[float, float]:
    """Return the duration of `work` on a thread and the maximum delay of the loop, in ms."""
    began = time.perf_counter()
    task = asyncio.ensure_future(asyncio.to_thread(work))
    longest = 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        longest = max(longest, time.perf_counter() - before - TICK_SECONDS)
    return (time.perf_counter() - began) * 1000, longest * 1000


def _print(label: str, measured: list[tuple[float, float]]) -> None:
    took, late = (statistics.median(column) for column in zip(*measured, strict=True))
    print(f"{label:<42} {took:7.1f} ms, loop delayed by at most {late:5.2f} ms")


if __name__ == "__main__":
    main()
