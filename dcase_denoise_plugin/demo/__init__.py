"""What the demo runs on: made-up machines with a clean reference, and a small stand-in for the
baseline.
"""
