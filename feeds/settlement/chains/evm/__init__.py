"""Ethereum and other EVM networks."""
