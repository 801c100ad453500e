"""A mixed load on any installation, from a seed, and a record of everything it was promised."""
