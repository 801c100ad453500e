"""Hashing and checking of passwords."""
