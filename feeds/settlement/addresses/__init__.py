"""Pay-in addresses: derived from the public keys of accounts, one module per kind of account."""
