"""Pay-in addresses, chains and outflows in PostgreSQL."""
