"""Drivers of chains: one folder per family, behind one interface."""
