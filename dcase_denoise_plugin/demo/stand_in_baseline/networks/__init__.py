"""Stand-in for the demo and the tests, not the official baseline."""
