"""Connections to a Valkey server, a pair under Sentinel or a cluster."""
