"""Pay-in accounts and the derivation of their addresses."""
