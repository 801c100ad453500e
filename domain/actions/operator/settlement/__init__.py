"""What the operator changes in the work of settlement: holds, releases and bounds of payouts."""
