"""Webhook events, endpoints and deliveries in PostgreSQL."""
