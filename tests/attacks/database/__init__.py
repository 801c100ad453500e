"""Attacks on a running service, one module per kind.

Each test carries out one attack as an attacker would, with requests on the wire, and states what
stops it. A test here fails on the code before its defect was fixed. Add a module when a new way to
attack the service is found, before the fix.
"""
