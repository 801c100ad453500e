"""The public pages: swapping, an order, a status."""
