"""Benchmark of the limits: how close signed quotes come to the maximum rate of the stack."""
