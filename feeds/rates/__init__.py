"""Prices on their way in: from the sandbox market or from exchanges, as one snapshot."""
