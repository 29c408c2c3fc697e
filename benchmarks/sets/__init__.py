"""Test sets of our own, laid out as machine types of the baseline."""
