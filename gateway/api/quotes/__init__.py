"""The responses of /v1/price and /v1/quote."""
