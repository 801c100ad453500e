"""Benchmarks: limits of the stack, and locust scenarios."""
