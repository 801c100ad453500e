"""Orders: their states, deposits, queries and wire form."""
