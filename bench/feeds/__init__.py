"""Benchmark of rate feeds: rendering time, and the delay of the event loop meanwhile."""
