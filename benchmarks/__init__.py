"""Benchmarks: one command each, ``python -m benchmarks.<folder>.<name>`` from the root of the
repository. Contenders run side by side. `README.md` lists them.
"""
