"""Test vectors for other languages, in JSON."""
