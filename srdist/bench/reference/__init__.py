"""Slow and obviously right versions: the oracle of the tests, the baseline of the measurements."""
