"""The sandbox: what settlement does on real chains, simulated on request."""
