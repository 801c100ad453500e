"""Deposits seen on chains, payouts made: a process and a database role of its own."""
