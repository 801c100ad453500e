"""Commands on assets, pairs, fees, limits and switches."""
