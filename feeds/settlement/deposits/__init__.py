"""Deposits on chains: detected in blocks, confirmed, or dropped."""
