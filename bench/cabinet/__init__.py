"""Benchmark of the cabinet: response times of its pages with ten million orders of one partner."""
