"""What a checkout of the baseline looks like: its files and settings, the plan of a call, runs and
their records.
"""
