"""Hashing and verification of passwords."""
