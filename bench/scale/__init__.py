"""Benchmark of scale: whether a large database slows new calls down."""
