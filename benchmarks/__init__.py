"""Benchmarks: one command each (`python -m benchmarks.<name>` from the root of the repository),
contenders side by side in one run.
"""
