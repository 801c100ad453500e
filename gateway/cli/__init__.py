"""The operator's command, `swapgate`."""
