"""Simulated chains: their blocks, nodes and hot wallets."""
