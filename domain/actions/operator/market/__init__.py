"""The operator's actions on assets, pairs, fees, limits, reserves and switches."""
