"""Ethereum and other EVM networks, over JSON-RPC."""
