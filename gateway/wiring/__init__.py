"""The composition of each process; adapters are named only here."""
