"""Views of the webhook endpoint, its deliveries and the signature check."""
