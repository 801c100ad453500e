"""Admission of signed calls: nonces, weights and revisions of partners' records."""
