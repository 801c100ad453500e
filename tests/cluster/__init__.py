"""An installation on several nodes, all on loopback, set up as an operator would set it up."""
