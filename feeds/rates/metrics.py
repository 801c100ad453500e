"""Metrics of the rates process."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from domain.market.consolidation import Consolidated
from feeds.rates.health import VenueHealth

_books = Gauge("swapgate_rate_source_books", "Markets of a source with a book.", ("source",))
_age = Gauge("swapgate_rate_source_age_seconds", "Age of a source's newest book.", ("source",))
_up = Gauge("swapgate_rate_source_up", "Whether a source responds.", ("source",))
_streaming = Gauge(
    "swapgate_rate_source_streaming", "Whether a source's stream is connected.", ("source",)
)
_rejected = Counter(
    "swapgate_rate_books_dropped", "Books rejected, once per snapshot.", ("source", "fault")
)
_priced = Gauge("swapgate_rate_coins", "Coins with a price.")
_withdrawn = Gauge("swapgate_rate_coins_withdrawn", "Coins on which too few sources agree.")
leads = Gauge("swapgate_rates_leader", "Whether this process publishes the rates.")


def count(venues: Iterable[VenueHealth], consolidated: Consolidated) -> None:
    """Set the gauges and count rejected books."""
    for venue in venues:
        _books.labels(venue.name).set(venue.books)
        _age.labels(venue.name).set(float("inf") if venue.age is None else venue.age)
        _up.labels(venue.name).set(venue.error is None)
        _streaming.labels(venue.name).set(venue.streaming)
    for rejected in consolidated.rejected:
        _rejected.labels(rejected.book.source, rejected.defect.value).inc()
    _priced.set(len(consolidated.prices))
    _withdrawn.set(len(consolidated.withdrawn))
