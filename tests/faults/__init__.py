"""Failures of any process of an installation under a mixed load, and what callers notice."""
