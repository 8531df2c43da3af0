"""Proofs that a recording survives: a short form of each is in the test suite."""
