"""Commands on chains and pay-in accounts."""
