"""Real chains: what comes in on them, and what goes out."""
