"""Referral codes and API keys."""
