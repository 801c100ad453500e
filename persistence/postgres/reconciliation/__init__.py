"""The comparison of everything that is stored twice: ledger, orders, events."""
