"""Webhooks under load: throughput, latency, and proof that kills and failures lose nothing."""
