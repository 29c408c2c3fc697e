"""From clips to alarms: verdicts by a threshold with a promise, and what follows from them."""
