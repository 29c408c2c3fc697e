"""From a user's own recordings to one file that raises an alarm."""
