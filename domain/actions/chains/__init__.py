"""Use cases of chains and addresses."""
