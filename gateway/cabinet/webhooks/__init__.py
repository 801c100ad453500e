"""Webhook settings, delivery log and signature check."""
