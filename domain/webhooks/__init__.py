"""Webhook events, deliveries and the rules for endpoints."""
