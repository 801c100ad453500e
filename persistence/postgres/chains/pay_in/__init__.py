"""Pay-in accounts, the pool of addresses, and the reuse of addresses."""
