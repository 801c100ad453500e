"""`python -m bench.feeds`: rendering and compressing the feeds of many assets, medians of rounds.

Printed are the time of rendering alone and with all encodings, both on a thread beside a running
event loop, and how late that loop was meanwhile at worst. With `--serve` it measures how fast a
small feed is served as well, by what is left of bare Granian's requests a second (needs wrk).
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
from gateway.pages.rate_feeds import served, yield_to_loop

TICK_SECONDS = 0.001


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", action="store_true", help="measure serving too (needs wrk)")
    options = parser.parse_args()
    table = priced_catalogue(options.assets)
    uvloop.run(_render(table, options.rounds))
    if options.serve:
        from bench.feeds.serving import compare  # noqa: PLC0415  it needs wrk and a free machine

        compare()


async def _render(table: PriceTable, rounds: int) -> None:
    documents = render_rates(table, UNBOUNDED)
    print(
        f"{documents.plain.count(b'<item>'):,} pairs, {len(documents.plain):,} bytes, EREF ", end=""
    )
    print(f"{len(documents.eref):,} bytes")
    idle = [await _beside_loop(lambda: time.sleep(0.1)) for _ in range(rounds)]
    _tell("nothing", idle)
    alone = [await _beside_loop(lambda: render_rates(table, UNBOUNDED)) for _ in range(rounds)]
    _tell("rendering both dialects, never pausing", alone)
    polite = [
        await _beside_loop(lambda: render_rates(table, UNBOUNDED, pause=yield_to_loop))
        for _ in range(rounds)
    ]
    _tell("rendering both dialects", polite)
    packing = [await _beside_loop(lambda: served(documents)) for _ in range(rounds)]
    _tell("gzip, br and tags of both", packing)


async def _beside_loop(work: Callable[[], RateDocuments | object]) -> tuple[float, float]:
    """Return how long `work` took on a thread, and the loop's greatest delay meanwhile, in ms."""
    began = time.perf_counter()
    task = asyncio.ensure_future(asyncio.to_thread(work))
    latest = 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        latest = max(latest, time.perf_counter() - before - TICK_SECONDS)
    return (time.perf_counter() - began) * 1000, latest * 1000


def _tell(what: str, measured: list[tuple[float, float]]) -> None:
    took, late = (statistics.median(column) for column in zip(*measured, strict=True))
    print(f"{what:<42} {took:7.1f} ms, the loop late by {late:5.2f} ms at worst")


if __name__ == "__main__":
    main()
